"use strict";

// One user pool with its app clients, on the socket that it inherits as file descriptor 3. It is put together from
// cognito-local's parts, and replaces those of its operations that differ from AWS on the way of a migration. Every rule
// names the AWS document that states it, or says that it was only reported.

const { randomUUID } = require("node:crypto");
const http = require("node:http");
const { text } = require("node:stream/consumers");

const { CognitoError, UnsupportedError } = require("cognito-local/lib/errors");
const { CognitoServiceImpl } = require("cognito-local/lib/services/cognitoService");
const { Targets } = require("cognito-local/lib/targets/targets");

const { passwordFlows, signIn } = require("./authentication");
const { checkSecretHash } = require("./client");
const { control } = require("./control");
const { adminAddUserToGroup, adminListGroupsForUser, createGroup, listGroups } = require("./groups");
const { checkLengths, throttle } = require("./limits");
const { listUsers } = require("./list");
const { adminResetUserPassword, confirmForgotPassword, forgotPassword, newCode } = require("./recovery");
const { clock, config } = require("./settings");
const { adminCreateUser, signUp } = require("./signup");
const { tokenGenerator, triggers } = require("./tokens");
const { updateUserPool } = require("./update");
const { clients, pool } = require("./users");

const cognito = new CognitoServiceImpl(null, clients, {}, null);
cognito.userPools = [pool];
const services = {
  clock,
  cognito,
  triggers,
  messages: { deliver: async () => {} },
  otp: newCode,
  tokenGenerator,
};

// GetUserPoolMfaConfig alone tells of authenticator apps.
// https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_DescribeUserPool.html
function describeUserPool() {
  const { SoftwareTokenMfaConfiguration, ...described } = pool.options;
  return { UserPool: { ...described, EstimatedNumberOfUsers: Object.keys(pool.users).length } };
}

// https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_GetCSVHeader.html
const getCSVHeader = (_ctx, { UserPoolId }) => ({
  CSVHeader: [
    ...pool.options.SchemaAttributes.map(({ Name }) => Name).filter((name) => name !== "sub"),
    "cognito:mfa_enabled",
    "cognito:username",
  ],
  UserPoolId,
});

// What is not set up is left out.
// https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_GetUserPoolMfaConfig.html
async function getUserPoolMfaConfig(ctx, req) {
  const { SmsMfaConfiguration, ...mfa } = await Targets.GetUserPoolMfaConfig(services)(ctx, req);
  return SmsMfaConfiguration.SmsConfiguration ? { ...mfa, SmsMfaConfiguration } : mfa;
}

// https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_UserPoolClientDescription.html
async function listUserPoolClients(ctx, { UserPoolId }) {
  const all = await cognito.listAppClients(ctx, UserPoolId);
  return { UserPoolClients: all.map(({ ClientId, ClientName }) => ({ ClientId, ClientName, UserPoolId })) };
}

const operations = {
  AdminAddUserToGroup: adminAddUserToGroup,
  AdminCreateUser: adminCreateUser,
  AdminListGroupsForUser: adminListGroupsForUser,
  AdminResetUserPassword: adminResetUserPassword,
  ConfirmForgotPassword: confirmForgotPassword,
  CreateGroup: createGroup,
  DescribeUserPool: describeUserPool,
  ForgotPassword: forgotPassword,
  GetCSVHeader: getCSVHeader,
  GetUserPoolMfaConfig: getUserPoolMfaConfig,
  ListGroups: listGroups,
  ListUserPoolClients: listUserPoolClients,
  ListUsers: listUsers,
  SignUp: signUp,
  UpdateUserPool: updateUserPool,
};
const logger = { debug() {}, info() {}, warn() {}, error: console.error, child: () => logger };

async function call(operation, req) {
  const ctx = { logger };
  throttle(operation);
  if (req.UserPoolId) await cognito.getUserPool(ctx, req.UserPoolId);
  if (req.ClientId) await cognito.getUserPoolForClientId(ctx, req.ClientId);
  checkLengths(req.Username, req.Password);
  checkSecretHash(operation, req);
  if (passwordFlows.includes(req.AuthFlow)) return signIn(ctx, req);
  if (Object.hasOwn(operations, operation)) return operations[operation](ctx, req);
  if (!Object.hasOwn(Targets, operation)) throw new UnsupportedError(`${operation} is not emulated`);
  return Targets[operation](services)(ctx, req);
}

// Dates are seconds since the epoch, and clients take an error's type from x-amzn-errortype or from __type.
// https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html
function reply(res, status, headers, payload) {
  headers["content-type"] = "application/x-amz-json-1.1";
  headers["x-amzn-requestid"] = randomUUID();
  res.writeHead(status, headers).end(payload);
}
const encode = (body) =>
  JSON.stringify(body ?? {}, function (key, value) {
    return this[key] instanceof Date ? this[key].getTime() / 1000 : value;
  });

// Without a time limit on idle connections none is closed under a client that is about to use it.
http
  .createServer({ keepAliveTimeout: 0 }, async (req, res) => {
    try {
      const body = JSON.parse(await text(req));
      const behind = control[`${req.method} ${req.url}`];
      if (behind) return reply(res, 200, {}, JSON.stringify(behind(body) ?? {}));
      reply(res, 200, {}, encode(await call(req.headers["x-amz-target"]?.split(".")[1], body)));
    } catch (err) {
      const known = err instanceof CognitoError;
      if (!known) console.error(err);
      const code = known ? err.code : "InternalErrorException";
      const status = known ? 400 : err instanceof UnsupportedError ? 501 : 500;
      reply(res, status, { "x-amzn-errortype": code }, encode({ __type: code, message: err.message }));
    }
  })
  .listen({ fd: 3 });
