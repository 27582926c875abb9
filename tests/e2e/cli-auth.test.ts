import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { doer } from "../support/doer.ts";
import { testHost, type TestHost } from "../support/host.ts";

const PASSWORD = "correct horse battery";
let host: TestHost;
let config: string;
let asRoot: Record<string, string>;
/** The environment of who signs in. */
let asUser: Record<string, string>;

beforeAll(async () => {
  host = await testHost();
  config = mkdtempSync(join(tmpdir(), "doer-config-"));
  asRoot = { DO_URL: host.url, DO_KEY: host.rootKey };
  asUser = { DO_URL: host.url, XDG_CONFIG_HOME: config };
  const { stdout } = await doer(["auth", "createTenant", "acme", "--json"], { env: asRoot });
  const owner = { DO_URL: host.url, DO_KEY: (JSON.parse(stdout) as { key: string }).key };
  const made = await doer(["auth", "createUser", "ada@example.test", JSON.stringify({ password: PASSWORD, roles: ["admin"] })], {
    env: owner,
  });
  if (made.code !== 0) throw new Error(made.stderr);
});
afterAll(async () => {
  await host.stop();
  rmSync(config, { recursive: true, force: true });
});

describe("doer keys", () => {
  it("prints a key alone on standard output, which works at once, until it is revoked", async () => {
    const { code, stdout, stderr } = await doer(["keys", "create", "ci", "db:read", "executions:*"], { env: asRoot });
    expect(code).toBe(0);
    const key = stdout.trim();
    expect(key).toMatch(/^do_live_\w+$/);
    const id = /key_[0-9A-Z]{26}/.exec(stderr)?.[0] ?? "";
    const env = { DO_URL: host.url, DO_KEY: key };
    expect((await doer(["eval", "return 6 * 7"], { env })).stdout.trim()).toBe("42");
    expect((await doer(["whoami"], { env })).stdout).toContain("db:read, executions:*");
    expect((await doer(["keys", "list"], { env: asRoot })).stdout).toMatch(
      new RegExp(`${id} +ci +do_live_\\w+\\.\\.\\.\\w{4} +good +db:read executions:\\*`),
    );
    const rotated = await doer(["keys", "rotate", id, "--overlap", "60"], { env: asRoot });
    expect(rotated.stdout.trim()).not.toBe(key);
    expect((await doer(["keys", "revoke", id], { env: asRoot })).stdout).toContain("is revoked");
    const after = await doer(["whoami"], { env });
    expect(after).toMatchObject({ code: 3, stderr: expect.stringContaining("CREDENTIAL_REVOKED") });
    expect((await doer(["keys", "list", "--json"], { env: asRoot })).stdout).not.toContain(key.slice(-49));
  });

  it("says what is wrong with a permission", async () => {
    const { code, stderr } = await doer(["keys", "create", "x", "everything"], { env: asRoot });
    expect(code).toBe(3);
    expect(stderr).toContain("must be a permission");
  });
});

describe("doer login", () => {
  const logins = () =>
    JSON.parse(readFileSync(join(config, "doer/logins.json"), "utf8")) as Record<
      string,
      { token: string; refreshToken: string; expiresAt: string }
    >;

  it("keeps a session for its owner alone, and the commands that follow use it", async () => {
    const { code, stdout } = await doer(["login", "--email", "ada@example.test"], { env: asUser, stdin: `${PASSWORD}\n` });
    expect({ code, stdout }).toEqual({ code: 0, stdout: "Signed in to acme\n" });
    expect(statSync(join(config, "doer/logins.json")).mode & 0o777).toBe(0o600);
    expect(readFileSync(join(config, "doer/logins.json"), "utf8")).not.toContain(PASSWORD);
    expect((await doer(["whoami"], { env: asUser })).stdout).toMatch(/tenant +acme/);
    // Another server, and a credential that is given, are not the session's.
    expect((await doer(["whoami"], { env: { ...asUser, DO_KEY: host.rootKey } })).stdout).toMatch(/tenant +root/);
    expect((await doer(["whoami"], { env: { ...asUser, DO_URL: host.url.replace("127.0.0.1", "localhost") } })).code).toBe(3);
  });

  it("makes the session new when it is about to end, once for all who need it", async () => {
    const { [host.url]: login } = logins();
    const origin = host.url;
    writeFileSync(join(config, "doer/logins.json"), JSON.stringify({ [origin]: { ...login, expiresAt: new Date().toISOString() } }));
    const both = await Promise.all([doer(["whoami"], { env: asUser }), doer(["whoami"], { env: asUser })]);
    expect(both.map(({ code }) => code)).toEqual([0, 0]);
    expect(logins()[origin]?.refreshToken).not.toBe(login?.refreshToken);
  });

  it("a wrong password is refused, and nothing is kept of it", async () => {
    const env = { ...asUser, XDG_CONFIG_HOME: join(config, "other") };
    const { code, stderr } = await doer(["login"], { env, stdin: "ada@example.test\nwrong password\n" });
    expect(code).toBe(3);
    expect(stderr).toContain("the e-mail address or the password is not right");
    expect(() => statSync(join(config, "other/doer/logins.json"))).toThrow("ENOENT");
    expect(await doer(["login"], { env, stdin: "ada@example.test\n" })).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("no answer"),
    });
  });

  it("logout ends it here and at the server", async () => {
    const { token } = Object.values(logins())[0] ?? { token: "" };
    expect((await doer(["logout"], { env: asUser })).stderr).toBe("Signed out.\n");
    expect(Object.keys(logins())).toEqual([]);
    expect(await doer(["whoami"], { env: { DO_URL: host.url, DO_KEY: token } })).toMatchObject({
      code: 3,
      stderr: expect.stringContaining("CREDENTIAL_REVOKED"),
    });
    expect((await doer(["logout"], { env: asUser })).stderr).toBe("Nobody was signed in.\n");
  });
});

describe("doer auth", () => {
  it("calls any method, with text or JSON, and the server says which one was meant", async () => {
    expect(JSON.parse((await doer(["auth", "createRole", "readers", '["db:read"]', "--json"], { env: asRoot })).stdout)).toMatchObject({
      name: "readers",
      permissions: ["db:read"],
    });
    expect((await doer(["auth", "checkPermission", "db:read"], { env: asRoot })).stdout).toContain('"allowed": true');
    const wrong = await doer(["auth", "creatRole"], { env: asRoot });
    expect(wrong).toMatchObject({ code: 3, stderr: expect.stringContaining('did you mean "createRole"?') });
  });
});
