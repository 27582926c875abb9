/**
 * Code next to its data: writes documents and adds them up. `doer run examples/orders.ts`
 */
import type { GuestContext } from "../sdk/src/index.ts";

interface Order {
  customer: string;
  cents: number;
}

const ORDERS: Record<string, Order> = {
  "2026-001": { customer: "ada", cents: 1_250 },
  "2026-002": { customer: "grace", cents: 990 },
  "2026-003": { customer: "ada", cents: 4_300 },
};

export default async ({ db }: GuestContext): Promise<{ orders: number; centsByCustomer: Record<string, number> }> => {
  for (const [id, order] of Object.entries(ORDERS)) await db.upsert("orders", id, { ...order });
  const { items } = await db.list("orders");
  const centsByCustomer: Record<string, number> = {};
  for (const { data } of items) {
    const { customer, cents } = data as unknown as Order;
    centsByCustomer[customer] = (centsByCustomer[customer] ?? 0) + cents;
  }
  return { orders: items.length, centsByCustomer };
};
