"use strict";

// One user pool with one app client, on the socket that it inherits as file descriptor 3. It is put together from
// cognito-local's parts, and replaces those of its operations that differ from AWS on the way of a migration. Every
// rule here names the AWS document that states it: API_* is a page of the Amazon Cognito user pools API Reference, a
// quoted title a page or section of the Developer Guide.

const { createPrivateKey, createHash, randomBytes, randomInt, randomUUID } = require("node:crypto");
const http = require("node:http");
const { text } = require("node:stream/consumers");

const { CognitoError, UnsupportedError } = require("cognito-local/lib/errors");
const { CognitoServiceImpl, USER_POOL_AWS_DEFAULTS } = require("cognito-local/lib/services/cognitoService");
const { JwtTokenGenerator } = require("cognito-local/lib/services/tokenGenerator");
const {
  UserPoolServiceImpl,
  attributesFromRecord,
  attributesToRecord,
} = require("cognito-local/lib/services/userPoolService");
const { Targets } = require("cognito-local/lib/targets/targets");

const config = JSON.parse(process.env.POOL);
const aliasAttributes = config.AliasAttributes ?? [];
const existenceErrorsPrevented = config.PreventUserExistenceErrors === "ENABLED";

// The emulator's own store rewrites its whole file at every write, and writes in parallel corrupt that file.
class MemoryStore {
  root = Object.create(null);

  #parent(path) {
    return path.slice(0, -1).reduce((at, key) => (at[key] ??= Object.create(null)), this.root);
  }
  async get(_ctx, key, otherwise = null) {
    const path = [key].flat();
    return this.#parent(path)[path.at(-1)] ?? otherwise;
  }
  async set(_ctx, key, value) {
    const path = [key].flat();
    this.#parent(path)[path.at(-1)] = value;
  }
  async delete(_ctx, key) {
    const path = [key].flat();
    delete this.#parent(path)[path.at(-1)];
  }
}

// find and put are synchronous: what runs between them sees no other request's change.
class Pool extends UserPoolServiceImpl {
  users = (this.dataStore.root.Users = Object.create(null));
  #usernames = new Map(); // by username, sub and verified alias

  // "Customizing sign-in attributes": instead of the username a user may give the sub, or an alias that is verified.
  #namesOf(user) {
    const attributes = attributesToRecord(user.Attributes);
    const aliases = aliasAttributes.filter((alias) => attributes[`${alias}_verified`] === "true");
    return [user.Username, attributes.sub, ...aliases.map((alias) => attributes[alias])];
  }
  find(name) {
    const user = this.users[this.#usernames.get(name)];
    return user && this.#namesOf(user).includes(name) ? user : null;
  }
  put(user) {
    this.users[user.Username] = user;
    for (const name of this.#namesOf(user)) this.#usernames.set(name, user.Username);
  }
  async getUserByUsername(_ctx, name) {
    return this.find(name);
  }
  async saveUser(_ctx, user) {
    this.put(user);
  }
}

const clock = { get: () => new Date() };
const clients = new MemoryStore();
const client = {
  ClientId: config.ClientID,
  UserPoolId: config.PoolID,
  PreventUserExistenceErrors: config.PreventUserExistenceErrors,
};
clients.set(null, ["Clients", client.ClientId], client);
const pool = new Pool(clients, clock, new MemoryStore(), {
  ...USER_POOL_AWS_DEFAULTS,
  Id: config.PoolID,
  AliasAttributes: aliasAttributes,
  MfaConfiguration: config.MFA,
});
const cognito = new CognitoServiceImpl(null, clients, {}, null);
cognito.userPools = [pool];

// "Understanding the identity (ID) token": it holds all attributes that the app client may read, and the two _verified
// ones as booleans. The emulator writes email alone and takes the text "false" for true.
const triggers = {
  enabled: (name) => name === "PreTokenGeneration",
  preTokenGeneration: async (_ctx, { userAttributes }) => {
    const claims = attributesToRecord(userAttributes);
    for (const name of ["email_verified", "phone_number_verified"]) {
      if (name in claims) claims[name] = claims[name] === "true";
    }
    return { claimsOverrideDetails: { claimsToAddOrOverride: claims } };
  },
};
// Parsing the key at every signature takes four times as long as signing.
const signingKey = require("cognito-local/lib/keys/cognitoLocal.private.json");
signingKey.pem = createPrivateKey(signingKey.pem);

const services = {
  clock,
  cognito,
  triggers,
  messages: { deliver: async () => {} },
  otp: () => String(randomInt(1e6)).padStart(6, "0"),
  tokenGenerator: new JwtTokenGenerator(clock, triggers, { IssuerDomain: process.env.ENDPOINT }),
};

const error = (code, message) => new CognitoError(code, message);
const notAuthorized = (message) => error("NotAuthorizedException", message);
const incorrect = () => notAuthorized("Incorrect username or password.");
const noSuchCombination = () => error("UserNotFoundException", "Username/client id combination not found.");

// API_AdminInitiateAuth, API_InitiateAuth (Errors); "Managing user existence error responses": with
// PreventUserExistenceErrors an unknown user is answered like a wrong password.
async function signIn(ctx, req) {
  const { USERNAME: username, PASSWORD: password } = req.AuthParameters ?? {};
  if (!username) throw error("InvalidParameterException", "Missing required parameter USERNAME");
  if (!password) throw error("InvalidParameterException", "Missing required parameter PASSWORD");

  // "Migrate user Lambda trigger": the ClientMetadata of a sign-in reaches the function as validationData.
  const user =
    pool.find(username) ??
    (await migrate("UserMigration_Authentication", username, {
      password,
      validationData: req.ClientMetadata ?? null,
    }));
  if (!user) throw existenceErrorsPrevented ? incorrect() : error("UserNotFoundException", "User does not exist.");

  checkPassword(user, password);
  const challenge = challengeOf(user);
  if (challenge) {
    const [ChallengeName, parameters] = challenge;
    return {
      ChallengeName,
      ChallengeParameters: { USER_ID_FOR_SRP: user.Username, ...parameters },
      Session: randomBytes(96).toString("base64url"),
    };
  }
  const groups = await pool.listUserGroupMembership(ctx, user);
  const tokens = await services.tokenGenerator.generate(ctx, user, groups, client, {}, "Authentication");
  user.RefreshTokens.push(tokens.RefreshToken);
  return { ChallengeParameters: {}, AuthenticationResult: { ...tokens, ExpiresIn: 3600, TokenType: "Bearer" } };
}

function checkPassword(user, password) {
  if (!user.Enabled) throw notAuthorized("User is disabled.");
  // "Pre authentication Lambda trigger": an error from it refuses the sign-in.
  if (user.PreAuthenticationError) {
    throw error("UserLambdaValidationException", `PreAuthentication failed with error ${user.PreAuthenticationError}.`);
  }
  if (Date.now() < user.LockedUntil) throw notAuthorized("Password attempts exceeded");
  // Both come whatever the password is.
  if (user.UserStatus === "UNCONFIRMED") throw error("UserNotConfirmedException", "User is not confirmed.");
  if (user.UserStatus === "RESET_REQUIRED") {
    throw error("PasswordResetRequiredException", "Password reset required for the user");
  }
  // API_UserType (UserStatus): users in the other states have no password to sign in with.
  if (!["CONFIRMED", "FORCE_CHANGE_PASSWORD"].includes(user.UserStatus) || user.Password !== password) {
    countFailures(user, (user.FailedSignIns ?? 0) + 1);
    throw incorrect();
  }
  countFailures(user, 0);
}

// "Lockout behavior for failed sign-in attempts": n >= 5 failures lock the user for 2^(n-5) seconds, at most about 15
// minutes; attempts during a lockout do not count; a successful sign-in resets n.
function countFailures(user, n) {
  user.FailedSignIns = n;
  user.LockedUntil = n < 5 ? 0 : Date.now() + Math.min(2 ** (n - 5), 900) * 1000;
}

// API_AdminInitiateAuth (ChallengeName, ChallengeParameters); "Adding MFA to a user pool": a pool whose MFA is OFF asks
// for none; of several factors the preferred one is asked for, else the user selects.
function challengeOf(user) {
  const { sub, ...attributes } = attributesToRecord(user.Attributes);
  if (user.UserStatus === "FORCE_CHANGE_PASSWORD") {
    return ["NEW_PASSWORD_REQUIRED", { requiredAttributes: "[]", userAttributes: JSON.stringify(attributes) }];
  }
  if (config.MFA === "OFF") return null;
  const factors = user.UserMFASettingList ?? [];
  if (factors.length === 0) {
    return config.MFA === "ON" ? ["MFA_SETUP", { MFAS_CAN_SETUP: '["SOFTWARE_TOKEN_MFA"]' }] : null;
  }
  if (factors.length > 1 && !user.PreferredMfaSetting) {
    return ["SELECT_MFA_TYPE", { MFAS_CAN_CHOOSE: JSON.stringify(factors) }];
  }
  const factor = user.PreferredMfaSetting || factors[0];
  const sentBy = { SMS_MFA: "phone_number", EMAIL_OTP: "email" }[factor];
  if (!sentBy) return [factor, {}];
  const { DeliveryMedium, Destination } = delivery(sentBy, attributes[sentBy] ?? "");
  return [factor, { CODE_DELIVERY_DELIVERY_MEDIUM: DeliveryMedium, CODE_DELIVERY_DESTINATION: Destination }];
}

// API_CodeDeliveryDetailsType: the destination is masked.
function delivery(attribute, address) {
  return attribute === "email"
    ? { AttributeName: attribute, DeliveryMedium: "EMAIL", Destination: address.replace(/([^@])[^@]*/g, "$1***") }
    : { AttributeName: attribute, DeliveryMedium: "SMS", Destination: `+*******${address.slice(-4)}` };
}

// API_ForgotPassword: the code goes to a verified phone number, else to a verified email address. "Managing user
// existence error responses": with PreventUserExistenceErrors a user who is not found, deactivated or without either is
// answered with a simulated delivery.
async function forgotPassword(_ctx, req) {
  const user =
    pool.find(req.Username) ??
    (await migrate(
      "UserMigration_ForgotPassword",
      req.Username,
      req.ClientMetadata && { clientMetadata: req.ClientMetadata },
    ));
  if (user?.Enabled && !["CONFIRMED", "RESET_REQUIRED", "UNCONFIRMED"].includes(user.UserStatus)) {
    throw notAuthorized("User password cannot be reset in the current state.");
  }
  const attributes = attributesToRecord(user?.Attributes);
  const verified = (name) => attributes[name] && attributes[`${name}_verified`] === "true";
  const contact = ["phone_number", "email"].find(verified);
  if (user?.Enabled && contact) {
    user.ConfirmationCode = services.otp();
    return { CodeDeliveryDetails: delivery(contact, attributes[contact]) };
  }
  if (existenceErrorsPrevented) {
    const [a, b] = createHash("sha256").update(req.Username).digest("hex");
    return { CodeDeliveryDetails: delivery("email", `${a}@${b}`) };
  }
  if (!user) throw noSuchCombination();
  if (!user.Enabled) throw notAuthorized("User is disabled.");
  throw error(
    "InvalidParameterException",
    "Cannot reset password for the user as there is no registered/verified email or phone_number",
  );
}

// API_ConfirmForgotPassword (Errors); "Managing user existence error responses": with PreventUserExistenceErrors a user
// who does not exist or is disabled is answered like a wrong code.
async function confirmForgotPassword(_ctx, req) {
  const user = pool.find(req.Username);
  if (!user?.Enabled && !existenceErrorsPrevented) {
    throw user ? notAuthorized("User is disabled.") : noSuchCombination();
  }
  if (user?.Enabled && !user.ConfirmationCode) {
    throw error("ExpiredCodeException", "Invalid code provided, please request a code again.");
  }
  if (!user?.Enabled || user.ConfirmationCode !== req.ConfirmationCode) {
    throw error("CodeMismatchException", "Invalid verification code provided, please try again.");
  }
  user.UserStatus = "CONFIRMED";
  user.Password = req.Password;
  user.ConfirmationCode = undefined;
  user.UserLastModifiedDate = clock.get();
  countFailures(user, 0);
  return {};
}

// "Migrate user Lambda trigger": asks the function about a user whom the pool does not hold, and creates that user from
// its answer. Returns null if the function knows no such user.
async function migrate(triggerSource, username, request) {
  if (!config.UserMigration) return null;
  const answer = await invoke("UserMigration", config.UserMigration, {
    version: "1",
    triggerSource,
    region: config.PoolID.split("_")[0],
    userPoolId: config.PoolID,
    userName: username,
    callerContext: { awsSdkVersion: "aws-sdk-unknown-unknown", clientId: config.ClientID },
    request: { validationData: null, userAttributes: null, ...request },
    response: {
      userAttributes: null,
      forceAliasCreation: null,
      enableSMSMFA: null,
      finalUserStatus: null,
      messageAction: null,
      desiredDeliveryMediums: null,
    },
  });
  const { response } = answer || {};
  // Not masked by PreventUserExistenceErrors.
  if (!response) throw error("UserNotFoundException", `Exception migrating user in app client ${config.ClientID}`);
  if (!response.userAttributes) return null;

  const { username: answered, ...attributes } = response.userAttributes;
  const name = answered ?? username;
  checkNewUser(name, attributes);
  // Of simultaneous first sign-ins one creates the user. To the others it is a user who exists.
  const existing = pool.find(name);
  if (existing) return existing;

  // finalUserStatus: CONFIRMED keeps the password of the sign-in; anything else has the user set a new one.
  const confirmed = request?.password && response.finalUserStatus === "CONFIRMED";
  const user = recordOf({
    Username: name,
    Attributes: attributes,
    Status: confirmed ? "CONFIRMED" : "RESET_REQUIRED",
    Password: confirmed ? request.password : undefined,
  });
  pool.put(user);
  return user;
}

// "User pool attributes": sub is Cognito's own, and a username must not have the form of an alias. AWS documents no
// code for such an answer; by API_InitiateAuth (Errors) InvalidLambdaResponseException is the one for an answer that
// Cognito cannot use.
function checkNewUser(name, attributes) {
  const refuse = (message) => error("InvalidLambdaResponseException", message);
  const values = Object.values(attributes);
  if (!values.every((value) => typeof value === "string")) throw refuse("Unrecognizable lambda output");
  if ("sub" in attributes) throw refuse("Cannot modify the non-mutable attribute sub");
  if (aliasAttributes.includes("email") && name.includes("@")) {
    throw refuse("Username cannot be of email format, since user pool is configured for email alias.");
  }
  if (aliasAttributes.includes("phone_number") && /^\+\d+$/.test(name)) {
    throw refuse("Username cannot be of phone number format, since user pool is configured for phone number alias.");
  }
}

// "Customizing user pool workflows with Lambda triggers": Cognito waits 5 seconds and calls three times in all before
// it gives up. An error that the function returns is an answer: it is not tried again.
async function invoke(trigger, { Endpoint, Function }, event) {
  const url = `${Endpoint}/2015-03-31/functions/${encodeURIComponent(Function)}/invocations`;
  let cause;
  for (let tries = 0; tries < 3; tries++) {
    let res, payload;
    try {
      res = await fetch(url, { method: "POST", body: JSON.stringify(event), signal: AbortSignal.timeout(5000) });
      payload = await res.text();
    } catch (err) {
      cause = err.name === "TimeoutError" ? "Socket timeout while invoking Lambda function" : String(err.cause ?? err);
      continue;
    }
    if (!res.ok) {
      cause = res.headers.get("x-amzn-errortype") ?? `HTTP status ${res.status}`;
      if (res.status === 429 || res.status >= 500) continue;
      break;
    }
    try {
      const answer = payload && JSON.parse(payload);
      if (!res.headers.has("x-amz-function-error")) return answer;
      throw error("UserLambdaValidationException", `${trigger} failed with error ${answer.errorMessage}.`);
    } catch (err) {
      throw err instanceof SyntaxError ? error("InvalidLambdaResponseException", "Unrecognizable lambda output") : err;
    }
  }
  throw error("UnexpectedLambdaException", `${trigger} invocation failed due to error ${cause}.`);
}

// The emulator's record of a User of the Go package, and back.
function recordOf(u) {
  const now = clock.get();
  const user = {
    Username: u.Username,
    Password: u.Password,
    Attributes: attributesFromRecord({ ...u.Attributes, sub: u.Sub || randomUUID() }),
    Enabled: !u.Disabled,
    UserStatus: u.Status || "CONFIRMED",
    UserMFASettingList: u.MFA ?? [],
    PreferredMfaSetting: u.PreferredMFA || undefined,
    PreAuthenticationError: u.PreAuthenticationError,
    UserCreateDate: now,
    UserLastModifiedDate: now,
    RefreshTokens: [],
  };
  countFailures(user, u.FailedSignIns ?? 0);
  return user;
}
function userOf(record) {
  const { sub, ...attributes } = attributesToRecord(record.Attributes);
  return {
    Username: record.Username,
    Password: record.Password,
    Sub: sub,
    Attributes: attributes,
    Disabled: !record.Enabled,
    Status: record.UserStatus,
    MFA: record.UserMFASettingList,
    PreferredMFA: record.PreferredMfaSetting,
    PreAuthenticationError: record.PreAuthenticationError,
    FailedSignIns: record.FailedSignIns,
    Code: record.ConfirmationCode,
  };
}

// What a test does behind the API's back.
const control = {
  GET: () => Object.values(pool.users).map(userOf),
  POST: (users) => {
    for (const user of users) pool.put(recordOf(user));
  },
  DELETE: (usernames) => {
    for (const username of usernames) delete pool.users[username];
  },
};

const operations = { ForgotPassword: forgotPassword, ConfirmForgotPassword: confirmForgotPassword };
const passwordFlows = ["ADMIN_USER_PASSWORD_AUTH", "ADMIN_NO_SRP_AUTH", "USER_PASSWORD_AUTH"];
const logger = { debug() {}, info() {}, warn() {}, error: console.error, child: () => logger };

async function call(target, req) {
  const ctx = { logger };
  if (req.UserPoolId) await cognito.getUserPool(ctx, req.UserPoolId);
  if (req.ClientId) await cognito.getUserPoolForClientId(ctx, req.ClientId);
  if (passwordFlows.includes(req.AuthFlow)) return signIn(ctx, req);
  if (Object.hasOwn(operations, target)) return operations[target](ctx, req);
  if (!Object.hasOwn(Targets, target)) throw new UnsupportedError(`${target} is not emulated`);
  return Targets[target](services)(ctx, req);
}

// "AWS JSON 1.1 protocol": dates are seconds since the epoch, and clients take an error's type from x-amzn-errortype or
// from __type.
function reply(res, status, headers, body) {
  const payload = JSON.stringify(body, function (key, value) {
    return this[key] instanceof Date ? this[key].getTime() / 1000 : value;
  });
  headers["content-type"] = "application/x-amz-json-1.1";
  headers["x-amzn-requestid"] = randomUUID();
  res.writeHead(status, headers).end(payload);
}

// Without a time limit on idle connections none is closed under a client that is about to use it.
http
  .createServer({ keepAliveTimeout: 0 }, async (req, res) => {
    try {
      const body = await text(req);
      const result =
        req.url === "/_sandbox/users"
          ? control[req.method](JSON.parse(body))
          : await call(req.headers["x-amz-target"]?.split(".")[1], JSON.parse(body));
      reply(res, 200, {}, result ?? {});
    } catch (err) {
      const known = err instanceof CognitoError;
      if (!known) console.error(err);
      const code = known ? err.code : "InternalErrorException";
      const status = known ? 400 : err instanceof UnsupportedError ? 501 : 500;
      reply(res, status, { "x-amzn-errortype": code }, { __type: code, message: err.message });
    }
  })
  .listen({ fd: 3 });
