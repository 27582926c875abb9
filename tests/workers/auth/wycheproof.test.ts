import { inject, describe, expect, it } from "vitest";
import { ALGORITHMS, shapeOf, type Algorithm } from "../../../workers/core-services/auth/jwt/shape.ts";
import { isSigned, type JWK } from "../../../workers/core-services/auth/jwt/verify.ts";

/** One vector of Project Wycheproof's json_web_signature tests. */
interface Vector {
  id: string;
  group: string;
  key: JWK;
  comment: string;
  jws: string;
  expect: "valid" | "invalid";
}

const vectors = inject("wycheproof") as Vector[];

/** As a token is verified here, but for its claims, which the vectors do not have. */
async function verifies({ jws, key }: Vector): Promise<boolean> {
  const header = headerOf(jws);
  return header !== undefined && isSigned(jws, [key], header);
}

/** The vectors' payloads are any text; the form of the token is held to the same rules. */
function headerOf(jws: string): { alg: Algorithm; kid: string | undefined; typ: string | undefined } | undefined {
  const [header = "", payload, signature, ...more] = jws.split(".");
  if (payload === undefined || signature === undefined || more.length > 0) return undefined;
  // "{}" in place of the payload: what the payload says is not looked at by these vectors.
  const canonical = [header, payload, signature].every(
    (part, i) => (i === 1 && part === "") || shapeOf(`eyJhbGciOiJSUzI1NiJ9.e30.${part}`) !== undefined,
  );
  return canonical ? shapeOf(`${header}.e30.${signature}`)?.header : undefined;
}

describe("the signature vectors of Project Wycheproof", () => {
  it("are there, all of them", () => {
    expect(vectors).toHaveLength(401);
  });

  it("no invalid one verifies", async () => {
    const wrong = [];
    for (const vector of vectors.filter((one) => one.expect === "invalid"))
      if (await verifies(vector)) wrong.push([vector.id, vector.comment]);
    expect(wrong).toEqual([]);
  });

  it("valid ones verify, in the algorithms that are taken, where the key is for its algorithm", async () => {
    const refused = [];
    let verified = 0;
    for (const vector of vectors.filter((one) => one.expect === "valid")) {
      if (await verifies(vector)) verified++;
      else refused.push([vector.id, vector.group, vector.key.alg, vector.comment]);
    }
    // Those refused: a shared secret (HS256), which nobody can check with a public key, and a key that names ES521, which is none.
    const taken = refused.filter(([, , alg]) => ALGORITHMS.includes(alg as Algorithm));
    // And two whose key says PS256 while the token says PS384: a key is for the one algorithm that it names.
    expect(taken.map(([id]) => id)).toEqual(["jws-346", "jws-350"]);
    expect(verified).toBeGreaterThan(30);
  });
});
