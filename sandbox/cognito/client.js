"use strict";

// The app client that the pool starts with: its secrets, and the flows that it allows.

const { createHmac, timingSafeEqual } = require("node:crypto");

const { invalidParameter, notAuthorized } = require("./exceptions");
const { clock, config } = require("./settings");
const { clients } = require("./users");

const client = {
  ClientId: config.ClientID,
  ClientName: "app",
  UserPoolId: config.PoolID,
  CreationDate: clock.get(),
  LastModifiedDate: clock.get(),
  ExplicitAuthFlows: config.ExplicitAuthFlows,
  PreventUserExistenceErrors: config.PreventUserExistenceErrors,
};
clients.set(null, ["Clients", client.ClientId], client);

const existenceErrorsPrevented = config.PreventUserExistenceErrors === "ENABLED";

// The last of the secrets is the newest. All are valid, and the newest is told.
// https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_AddUserPoolClientSecret.html
let secrets;
function setSecrets(values) {
  secrets = values;
  client.ClientSecret = values.at(-1);
}
setSecrets(config.ClientSecrets ?? []);

function setFlows(flows) {
  client.ExplicitAuthFlows = flows;
}

// Where an operation has the username and its hash.
// https://docs.aws.amazon.com/cognito/latest/developerguide/signing-up-users-in-your-app.html#cognito-user-pools-computing-secret-hash
const hashed = (req) => [req.Username, req.SecretHash];
const hashedIn = (member) => (req) => [req[member]?.USERNAME, req[member]?.SECRET_HASH];
const hashes = {
  InitiateAuth: hashedIn("AuthParameters"),
  AdminInitiateAuth: hashedIn("AuthParameters"),
  RespondToAuthChallenge: hashedIn("ChallengeResponses"),
  AdminRespondToAuthChallenge: hashedIn("ChallengeResponses"),
  SignUp: hashed,
  ConfirmSignUp: hashed,
  ResendConfirmationCode: hashed,
  ForgotPassword: hashed,
  ConfirmForgotPassword: hashed,
};

// The hash is over the username as it is sent. The texts are those that users of real pools report:
// https://repost.aws/knowledge-center/cognito-unable-to-verify-secret-hash
// https://github.com/aws-amplify/amplify-android/issues/2504
// https://github.com/pmill/aws-cognito/pull/23
function checkSecretHash(operation, req) {
  const [username, hash] = hashes[operation]?.(req) ?? [];
  if (!username || req.ClientId !== client.ClientId) return;
  if (secrets.length === 0) {
    if (!hash) return;
    throw invalidParameter(`App client ${client.ClientId} is not configured for secret but secret hash was received`);
  }
  if (!hash) {
    throw notAuthorized(`Client ${client.ClientId} is configured with secret but SECRET_HASH was not received`);
  }
  const sent = Buffer.from(hash, "base64");
  const right = secrets
    .map((secret) => createHmac("sha256", secret).update(username + client.ClientId).digest())
    .some((digest) => digest.length === sent.length && timingSafeEqual(digest, sent));
  if (!right) throw notAuthorized(`Unable to verify secret hash for client ${client.ClientId}`);
}

// https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_UserPoolClientType.html
// https://repost.aws/knowledge-center/cognito-migration-lambda-trigger-errors
function checkFlow(flow) {
  if (client.ExplicitAuthFlows.some((allowed) => [flow, `ALLOW_${flow}`].includes(allowed))) return;
  throw invalidParameter(`${flow} flow not enabled for this client`);
}

module.exports = { checkFlow, checkSecretHash, client, existenceErrorsPrevented, setFlows, setSecrets };
