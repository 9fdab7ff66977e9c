"use strict";

// The user migration trigger, and what its answer may hold.
// https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-migrate-user.html
// https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-import-using-lambda.html

const { exception, userNotFound } = require("./exceptions");
const { misfit } = require("./schema");
const { config } = require("./settings");
const { aliasAttributes, fold, foldAttributes, functionOf, nameUser, usernameAttributes } = require("./shape");
const { callTrigger, preSignUp } = require("./trigger");
const { newUser, pool } = require("./users");

// This exception answers for a user whom the pool refuses. PreventUserExistenceErrors does not mask it.
// https://repost.aws/knowledge-center/cognito-migration-lambda-trigger-errors
const refuse = userNotFound;
const failed = () => refuse(`Exception migrating user in app client ${config.ClientID}`);

// Asks the function about a user whom the pool does not find by the name that was typed, and creates that user from the
// answer. Returns null if the function knows no such user.
async function migrate(triggerSource, typed, request) {
  if (!functionOf("UserMigration")) return null;
  const answer = await callTrigger(
    "UserMigration",
    triggerSource,
    fold(typed),
    { validationData: null, userAttributes: null, ...request },
    {
      userAttributes: null,
      forceAliasCreation: null,
      enableSMSMFA: null,
      finalUserStatus: null,
      messageAction: null,
      desiredDeliveryMediums: null,
    },
  );
  const { response } = answer || {};
  if (!response) throw failed();
  if (!response.userAttributes) return null;
  // Of simultaneous first sign-ins one creates the user. To the others it is a user who exists.
  return pool.find(typed) ?? (await create(fold(typed), response, request));
}

async function create(typed, response, request) {
  checkParameters(response);
  const { username, ...answered } = foldAttributes(response.userAttributes);
  if ("sub" in answered) throw refuse("Cannot modify the non-mutable attribute sub");
  checkUsername(typed, username, answered);
  const { Username, Attributes } = nameUser(username ?? typed, answered, refuse);
  const reason = misfit(Attributes, pool.options.SchemaAttributes) ?? missing(response.enableSMSMFA, Attributes);
  if (reason) throw refuse(reason);
  // Users of real pools report that the pre sign-up trigger is called after a migration, and not by which source.
  // https://foxy.io/blog/using-migration-and-pre-signup-triggers-with-aws-cognito
  if (config.PreSignUpOfMigrations) {
    await preSignUp(config.PreSignUpOfMigrations, { ClientMetadata: request?.clientMetadata }, Username, Attributes);
    const meanwhile = pool.find(typed);
    if (meanwhile) return meanwhile;
  }
  pool.take(Username, Attributes, response.forceAliasCreation === true, refuse);

  const password = request?.password;
  // CONFIRMED keeps the password of the sign-in; else the user has to set a new one.
  const confirmed = password && response.finalUserStatus === "CONFIRMED";
  const user = newUser({
    Username,
    Attributes,
    Status: confirmed ? "CONFIRMED" : "RESET_REQUIRED",
    Password: confirmed ? password : undefined,
    MFA: response.enableSMSMFA === true ? ["SMS_MFA"] : [],
  });
  pool.put(user);
  return user;
}

// https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-migrate-user.html
// https://repost.aws/knowledge-center/cognito-migration-lambda-trigger-errors
function checkParameters({ userAttributes, finalUserStatus, messageAction, desiredDeliveryMediums }) {
  const values = Object.values(userAttributes);
  if (!values.every((value) => typeof value === "string")) {
    throw exception("InvalidLambdaResponseException", "Unrecognizable lambda output");
  }
  if (values.length === 0) throw failed();
  const allowed = {
    finalUserStatus: [[finalUserStatus ?? "CONFIRMED"], ["CONFIRMED", "RESET_REQUIRED"]],
    messageAction: [[messageAction ?? "SUPPRESS"], ["SUPPRESS"]],
    desiredDeliveryMediums: [desiredDeliveryMediums ?? [], ["EMAIL", "SMS"]],
  };
  for (const [name, [given, valid]] of Object.entries(allowed)) {
    if (!given.every((value) => valid.includes(value))) throw refuse(`Error during migration: Invalid ${name}`);
  }
}

// A username may be given only if the name that was typed is an alias of the user.
// https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-import-using-lambda.html
function checkUsername(typed, username, attributes) {
  if (username === undefined || (username === typed && usernameAttributes.length === 0)) return;
  if (aliasAttributes.some((alias) => attributes[alias] === typed)) return;
  throw refuse("Username cannot be set, since the name that was entered is not an alias of the user.");
}

// What a text message as the second factor needs, and does not have; undefined if nothing.
// https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-migrate-user.html
function missing(enableSMSMFA, attributes) {
  if (enableSMSMFA !== true) return undefined;
  if (pool.options.MfaConfiguration === "OFF") return "SMS MFA cannot be enabled, since MFA is off in the user pool.";
  return attributes.phone_number ? undefined : "SMS MFA cannot be enabled for a user without a phone number.";
}

module.exports = { migrate };
