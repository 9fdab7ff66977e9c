"use strict";

// Forgotten passwords.

const { createHash, randomInt } = require("node:crypto");

const { attributesToRecord } = require("cognito-local/lib/services/userPoolService");

const { existenceErrorsPrevented } = require("./client");
const { exception, invalidParameter, notAuthorized, userNotFound } = require("./exceptions");
const { migrate } = require("./migrate");
const { clock } = require("./settings");
const { countFailures, pool } = require("./users");

const noSuchCombination = () => userNotFound("Username/client id combination not found.");
const newCode = () => String(randomInt(1e6)).padStart(6, "0");

// The destination is masked.
// https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_CodeDeliveryDetailsType.html
function delivery(attribute, address) {
  return attribute === "email"
    ? { AttributeName: attribute, DeliveryMedium: "EMAIL", Destination: address.replace(/([^@])[^@]*/g, "$1***") }
    : { AttributeName: attribute, DeliveryMedium: "SMS", Destination: `+*******${address.slice(-4)}` };
}

// Which verified address of a user gets the code, if any: the first that the pool's AccountRecoverySetting names, unless
// it is the user's second factor; without that setting the phone number, else the email address.
// https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_UserPoolType.html
// https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_CreateUserPool.html
function recoveryAddress(user) {
  const attributes = attributesToRecord(user.Attributes);
  const mechanisms = pool.options.AccountRecoverySetting?.RecoveryMechanisms ?? [];
  const factors = user.UserMFASettingList ?? [];
  const named = mechanisms
    .toSorted((a, b) => a.Priority - b.Priority)
    .map(({ Name }) => ({ verified_email: "email", verified_phone_number: "phone_number" })[Name])
    .filter((name) => !factors.includes({ email: "EMAIL_OTP", phone_number: "SMS_MFA" }[name]));
  const name = (mechanisms.length ? named : ["phone_number", "email"]).find(
    (name) => attributes[name] && attributes[`${name}_verified`] === "true",
  );
  return name && delivery(name, attributes[name]);
}

// With PreventUserExistenceErrors a user who is not found, deactivated or without a verified address is answered with a
// simulated delivery.
// https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_ForgotPassword.html
// https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pool-managing-errors.html
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
  const address = user?.Enabled && recoveryAddress(user);
  if (address) {
    user.ConfirmationCode = newCode();
    return { CodeDeliveryDetails: address };
  }
  if (existenceErrorsPrevented) {
    const [a, b] = createHash("sha256").update(req.Username).digest("hex");
    return { CodeDeliveryDetails: delivery("email", `${a}@${b}`) };
  }
  if (!user) throw noSuchCombination();
  if (!user.Enabled) throw notAuthorized("User is disabled.");
  throw invalidParameter(
    "Cannot reset password for the user as there is no registered/verified email or phone_number",
  );
}

// With PreventUserExistenceErrors a user who does not exist or is disabled is answered like a wrong code.
// https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_ConfirmForgotPassword.html
// https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pool-managing-errors.html
async function confirmForgotPassword(_ctx, req) {
  const user = pool.find(req.Username);
  if (!user?.Enabled && !existenceErrorsPrevented) {
    throw user ? notAuthorized("User is disabled.") : noSuchCombination();
  }
  if (user?.Enabled && !user.ConfirmationCode) {
    throw exception("ExpiredCodeException", "Invalid code provided, please request a code again.");
  }
  if (!user?.Enabled || user.ConfirmationCode !== req.ConfirmationCode) {
    throw exception("CodeMismatchException", "Invalid verification code provided, please try again.");
  }
  user.UserStatus = "CONFIRMED";
  user.Password = req.Password;
  user.ConfirmationCode = undefined;
  user.UserLastModifiedDate = clock.get();
  countFailures(user, 0);
  return {};
}

// An administrator ends a password: the user is sent a code, and can sign in again only with a new password.
// https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_AdminResetUserPassword.html
async function adminResetUserPassword(_ctx, req) {
  const user = pool.find(req.Username);
  if (!user) throw userNotFound("User does not exist.");
  if (!user.Enabled) throw notAuthorized("User is disabled.");
  if (!["CONFIRMED", "RESET_REQUIRED"].includes(user.UserStatus)) {
    throw notAuthorized("User password cannot be reset in the current state.");
  }
  if (!recoveryAddress(user)) {
    throw invalidParameter(
      "Cannot reset password for the user as there is no registered/verified email or phone_number",
    );
  }
  user.UserStatus = "RESET_REQUIRED";
  user.ConfirmationCode = newCode();
  user.UserLastModifiedDate = clock.get();
  return {};
}

module.exports = { adminResetUserPassword, confirmForgotPassword, delivery, forgotPassword, newCode };
