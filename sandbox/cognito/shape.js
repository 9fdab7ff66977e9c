"use strict";

// The pool as DescribeUserPool gives it, and what of it decides about users' names.

const { randomUUID } = require("node:crypto");

const { USER_POOL_AWS_DEFAULTS } = require("cognito-local/lib/services/cognitoService");

const { forms, schemaOf } = require("./schema");
const { clock, config } = require("./settings");

const region = config.PoolID.split("_")[0];
const account = "123456789012";
const arnOf = (trigger) => `arn:aws:lambda:${region}:${account}:function:${trigger.Function}`;
const aliasAttributes = config.AliasAttributes ?? [];
const usernameAttributes = config.UsernameAttributes ?? [];

// The settings that UpdateUserPool takes, with the values that they have by default.
// https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_UpdateUserPool.html
const defaults = {
  AccountRecoverySetting: undefined,
  AdminCreateUserConfig: { AllowAdminCreateUserOnly: false },
  AutoVerifiedAttributes: undefined,
  DeletionProtection: "INACTIVE",
  DeviceConfiguration: undefined,
  EmailConfiguration: { EmailSendingAccount: "COGNITO_DEFAULT" },
  EmailVerificationMessage: undefined,
  EmailVerificationSubject: undefined,
  IssuerConfiguration: undefined,
  KeyConfiguration: undefined,
  LambdaConfig: {},
  MfaConfiguration: "OFF",
  Policies: USER_POOL_AWS_DEFAULTS.Policies,
  SmsAuthenticationMessage: undefined,
  SmsConfiguration: undefined,
  SmsVerificationMessage: undefined,
  UserAttributeUpdateSettings: undefined,
  UserPoolAddOns: undefined,
  UserPoolTags: {},
  UserPoolTier: "ESSENTIALS",
  VerificationMessageTemplate: { DefaultEmailOption: "CONFIRM_WITH_CODE" },
  ...Object.fromEntries((config.NewSettings ?? []).map((name) => [name, undefined])),
};

// The functions of triggers that have one, as LambdaConfig has them.
function functionsOf(triggers) {
  const names = ["UserMigration", "PreSignUp", "PreAuthentication"].filter((name) => triggers[name]);
  return Object.fromEntries(names.map((name) => [name, arnOf(triggers[name])]));
}

// https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_UserPoolType.html
const description = {
  ...USER_POOL_AWS_DEFAULTS,
  ...defaults,
  Id: config.PoolID,
  Name: config.PoolID,
  Arn: `arn:aws:cognito-idp:${region}:${account}:userpool/${config.PoolID}`,
  CreationDate: clock.get(),
  LastModifiedDate: clock.get(),
  AliasAttributes: config.AliasAttributes ?? undefined,
  UsernameAttributes: config.UsernameAttributes ?? undefined,
  UsernameConfiguration: config.UsernameConfiguration ?? undefined,
  SchemaAttributes: schemaOf(config.SchemaAttributes),
  MfaConfiguration: config.MFA,
  AccountRecoverySetting: config.AccountRecoverySetting ?? undefined,
  LambdaConfig: functionsOf(config),
  ...config.Settings,
};

// Makes functions the pool's triggers; those of null are none any more.
function attach(triggers) {
  Object.assign(config, triggers);
  const others = Object.entries(description.LambdaConfig ?? {}).filter(([name]) => !Object.hasOwn(triggers, name));
  description.LambdaConfig = { ...Object.fromEntries(others), ...functionsOf(triggers) };
}

// The name of the function that a trigger calls, or undefined.
const functionOf = (trigger) => description.LambdaConfig?.[trigger]?.split(":function:")[1];

// A pool that is not case sensitive accepts usernames, email addresses and preferred usernames in any case, and gives them
// out in lower case, to Lambda triggers as well. CaseSensitive is true if it is not set.
// https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-case-sensitivity.html
const caseSensitive = config.UsernameConfiguration?.CaseSensitive ?? true;
const fold = (name) => (caseSensitive ? name : name.toLowerCase());
function foldAttributes(attributes) {
  const folded = { ...attributes };
  for (const name of ["username", "email", "preferred_username"]) {
    if (folded[name]) folded[name] = fold(folded[name]);
  }
  return folded;
}

// The attributes whose values sign in a user with these attributes, besides the username: an address that is the
// username needs no verification, an email address or phone number that is an alias does, a preferred username does not.
// https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-settings-attributes.html#user-pool-settings-aliases
function signInAttributes(attributes) {
  const active = (alias) => alias === "preferred_username" || attributes[`${alias}_verified`] === "true";
  return [...usernameAttributes, ...aliasAttributes.filter(active)].filter((name) => attributes[name]);
}

// The username of a new user who gives this name. A pool whose usernames are addresses makes the username itself: it is the
// sub, and the name is the user's address. Throws what refuse makes of the reason if no user can have the name.
// https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-settings-attributes.html#user-pool-settings-aliases
function nameUser(name, attributes, refuse) {
  const sub = randomUUID();
  if (usernameAttributes.length === 0) {
    checkUsername(name, refuse);
    return { Username: name, Attributes: { ...attributes, sub } };
  }
  const own = usernameAttribute(name, refuse);
  if (attributes[own] && attributes[own] !== name) throw refuse(`The ${own} is not the username that was entered.`);
  return { Username: sub, Attributes: { ...attributes, [own]: name, sub } };
}

// https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_SignUp.html
function checkUsername(name, refuse) {
  if (name === "" || [...name].length > 128) throw refuse("Username must have 1 to 128 characters.");
  if (aliasAttributes.includes("email") && forms.email.test(name)) {
    throw refuse("Username cannot be of email format, since user pool is configured for email alias.");
  }
  if (aliasAttributes.includes("phone_number") && forms.phone_number.test(name)) {
    throw refuse("Username cannot be of phone number format, since user pool is configured for phone number alias.");
  }
}

function usernameAttribute(name, refuse) {
  const attribute = usernameAttributes.find((attribute) => forms[attribute].test(name));
  if (attribute) return attribute;
  const words = usernameAttributes.map((attribute) => (attribute === "email" ? "an email" : "a phone number"));
  throw refuse(`Username should be ${words.length > 1 ? "either " : ""}${words.join(" or ")}.`);
}

module.exports = {
  aliasAttributes,
  attach,
  defaults,
  description,
  fold,
  foldAttributes,
  functionOf,
  nameUser,
  region,
  signInAttributes,
  usernameAttributes,
};
