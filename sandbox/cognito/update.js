"use strict";

// The pool's settings, as UpdateUserPool changes them.
// https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_UpdateUserPool.html

const { exception, invalidParameter } = require("./exceptions");
const { clock } = require("./settings");
const { defaults } = require("./shape");
const { pool } = require("./users");

// A setting that is not sent gets its default value.
async function updateUserPool(_ctx, { UserPoolId, ...sent }) {
  check(sent);
  const { PoolName, ...settings } = { ...defaults, ...sent };
  settings.UserPoolTags = { ...settings.UserPoolTags, ...systemTags() };
  Object.assign(pool.options, settings, { Name: PoolName ?? pool.options.Name, LastModifiedDate: clock.get() });
  return {};
}

// AWS does not say what Cognito does with a member that it does not know. Here it is refused.
function check(sent) {
  const unknown = Object.keys(sent).find((name) => name !== "PoolName" && !Object.hasOwn(defaults, name));
  if (unknown) throw exception("SerializationException", `Unknown member ${unknown}`);
  checkDays(sent);
  checkTags(sent);
  checkMessages(sent);
  checkSenders();
}

// https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_AdminCreateUserConfigType.html
// The text is that of real pools: https://github.com/hashicorp/terraform-provider-aws/issues/8827
function checkDays({ AdminCreateUserConfig, Policies }) {
  if (!AdminCreateUserConfig?.UnusedAccountValidityDays) return;
  if (!Policies?.PasswordPolicy?.TemporaryPasswordValidityDays) return;
  throw invalidParameter("Please use TemporaryPasswordValidityDays in PasswordPolicy instead of UnusedAccountValidityDays");
}

// Only AWS sets and removes tags that begin with aws:.
// https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html
const isSystemTag = ([key]) => key.toLowerCase().startsWith("aws:");
const systemTags = () => Object.fromEntries(Object.entries(pool.options.UserPoolTags ?? {}).filter(isSystemTag));
function checkTags({ UserPoolTags }) {
  if (!Object.entries(UserPoolTags ?? {}).some(isSystemTag)) return;
  throw exception("UserPoolTaggingException", "aws: prefixed tag key names are not allowed for external use.");
}

// https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_UpdateUserPool.html
function checkMessages({ VerificationMessageTemplate: template }) {
  if (!template?.EmailMessage || !template?.EmailMessageByLink) return;
  throw invalidParameter("EmailMessage and EmailMessageByLink can't be set together.");
}

// The pool's description says when Cognito can't use the identity or the role that it sends with.
// https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_UserPoolType.html
function checkSenders() {
  const { EmailConfigurationFailure, SmsConfigurationFailure } = pool.options;
  if (EmailConfigurationFailure) throw exception("InvalidEmailRoleAccessPolicyException", EmailConfigurationFailure);
  if (SmsConfigurationFailure) throw exception("InvalidSmsRoleAccessPolicyException", SmsConfigurationFailure);
}

module.exports = { updateUserPool };
