"use strict";

// Sign-ins with a password.
// https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_InitiateAuth.html
// https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_AdminInitiateAuth.html

const { randomBytes } = require("node:crypto");

const { attributesToRecord } = require("cognito-local/lib/services/userPoolService");

const { checkFlow, existenceErrorsPrevented } = require("./client");
const { exception, incorrect, invalidParameter, notAuthorized, userNotFound } = require("./exceptions");
const { checkLengths } = require("./limits");
const { migrate } = require("./migrate");
const { delivery } = require("./recovery");
const { clock } = require("./settings");
const { functionOf } = require("./shape");
const { signTokens } = require("./tokens");
const { callTrigger, signInData } = require("./trigger");
const { countFailures, pool } = require("./users");

const passwordFlows = ["ADMIN_USER_PASSWORD_AUTH", "ADMIN_NO_SRP_AUTH", "USER_PASSWORD_AUTH"];

// With PreventUserExistenceErrors an unknown user is answered like a wrong password.
// https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pool-managing-errors.html
async function signIn(ctx, req) {
  checkFlow(req.AuthFlow);
  const { USERNAME: username, PASSWORD: password } = req.AuthParameters ?? {};
  if (!username) throw invalidParameter("Missing required parameter USERNAME");
  if (!password) throw invalidParameter("Missing required parameter PASSWORD");

  let user = pool.find(username);
  if (user) checkLengths(username, password);
  else user = await migrate("UserMigration_Authentication", username, { password, ...signInData(req.ClientMetadata) });
  if (!user) throw existenceErrorsPrevented ? incorrect() : userNotFound();

  await checkAccount(user, req.ClientMetadata);
  checkPassword(user, password);
  const challenge = challengeOf(user);
  if (!challenge) return { ChallengeParameters: {}, AuthenticationResult: await signTokens(ctx, user) };
  const [ChallengeName, parameters] = challenge;
  return {
    ChallengeName,
    ChallengeParameters: { USER_ID_FOR_SRP: user.Username, ...parameters },
    Session: randomBytes(96).toString("base64url"),
  };
}

// The checks that refuse a user even with the right password.
async function checkAccount(user, metadata) {
  if (!user.Enabled) throw notAuthorized("User is disabled.");
  if (user.SignInError) throw notAuthorized(user.SignInError);
  await preAuthenticate(user, metadata);
  if (clock.get() < user.LockedUntil) throw notAuthorized("Password attempts exceeded");
  if (user.UserStatus === "UNCONFIRMED") throw exception("UserNotConfirmedException", "User is not confirmed.");
  if (user.UserStatus === "RESET_REQUIRED") {
    throw exception("PasswordResetRequiredException", "Password reset required for the user");
  }
}

// An error from this trigger refuses the sign-in.
// https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-pre-authentication.html
async function preAuthenticate(user, metadata) {
  if (user.PreAuthenticationError) {
    const message = `PreAuthentication failed with error ${user.PreAuthenticationError}.`;
    throw exception("UserLambdaValidationException", message);
  }
  if (!functionOf("PreAuthentication")) return;
  await callTrigger(
    "PreAuthentication",
    "PreAuthentication_Authentication",
    user.Username,
    {
      userAttributes: { ...attributesToRecord(user.Attributes), "cognito:user_status": user.UserStatus },
      ...signInData(metadata),
      ...(existenceErrorsPrevented && { userNotFound: false }),
    },
    {},
  );
}

// Users in the other states have no password to sign in with.
// https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_UserType.html
function checkPassword(user, password) {
  if (!["CONFIRMED", "FORCE_CHANGE_PASSWORD"].includes(user.UserStatus) || user.Password !== password) {
    countFailures(user, user.FailedSignIns + 1);
    throw incorrect();
  }
  countFailures(user, 0);
}

// A pool whose MFA is OFF asks for none; of several factors it asks for the preferred one, or lets the user select.
// https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-settings-mfa.html
// https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_AdminInitiateAuth.html
function challengeOf(user) {
  const { sub, ...attributes } = attributesToRecord(user.Attributes);
  if (user.UserStatus === "FORCE_CHANGE_PASSWORD") {
    return ["NEW_PASSWORD_REQUIRED", { requiredAttributes: "[]", userAttributes: JSON.stringify(attributes) }];
  }
  const mfa = pool.options.MfaConfiguration;
  if (mfa === "OFF") return null;
  const factors = user.UserMFASettingList ?? [];
  if (factors.length === 0) {
    return mfa === "ON" ? ["MFA_SETUP", { MFAS_CAN_SETUP: '["SOFTWARE_TOKEN_MFA"]' }] : null;
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

module.exports = { passwordFlows, signIn };
