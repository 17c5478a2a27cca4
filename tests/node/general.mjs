// Verifies, or issues, SD-JWT in General JSON with @sd-jwt/core: one JSON object in, one out.
import { createHash, createPrivateKey, createPublicKey, randomBytes, sign, verify } from "node:crypto";
import { readFileSync } from "node:fs";
import { GeneralJSON, SDJwtGeneralJSONInstance } from "@sd-jwt/core";

const hasher = async (data) => createHash("sha256").update(data).digest();
const saltGenerator = async () => randomBytes(16).toString("base64url");
const asked = JSON.parse(readFileSync(0, "utf8"));

async function verified({ file, x }) {
  const key = createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" });
  const verifier = async (data, signature) =>
    verify(null, Buffer.from(data), key, Buffer.from(signature, "base64url"));
  const instance = new SDJwtGeneralJSONInstance({ hasher, hashAlg: "sha-256", verifier });
  const general = GeneralJSON.fromSerialized(file);
  await instance.verify(general);
  return { payload: await instance.getClaims(general) };
}

async function issued({ payload, places, jwk, header }) {
  const key = createPrivateKey({ key: jwk, format: "jwk" });
  const signer = async (data) => sign(null, Buffer.from(data), key).toString("base64url");
  const instance = new SDJwtGeneralJSONInstance({ hasher, hashAlg: "sha-256", saltGenerator });
  const frame = { data: { statements: { _sd: places } } };
  const sigs = [{ signer, alg: header.alg, kid: header.kid, header }];
  return { file: (await instance.issue(payload, frame, { sigs })).toJson() };
}

try {
  const answer = asked.issue ? await issued(asked.issue) : await verified(asked.verify);
  process.stdout.write(JSON.stringify(answer));
} catch (error) {
  process.stdout.write(JSON.stringify({ refused: String(error.message ?? error) }));
}
