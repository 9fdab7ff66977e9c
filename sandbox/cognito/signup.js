"use strict";

// Users who sign themselves up.
// https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_SignUp.html

const { attributesToRecord } = require("cognito-local/lib/services/userPoolService");

const { exception, invalidParameter, notAuthorized } = require("./exceptions");
const { newCode } = require("./recovery");
const { misfit } = require("./schema");
const { fold, foldAttributes, functionOf, nameUser } = require("./shape");
const { callTrigger } = require("./trigger");
const { newUser, pool } = require("./users");

const exists = (message) => exception("UsernameExistsException", message);

// Only a user who would be taken reaches the trigger. The text for what a client may not write is that of real pools.
// https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-settings-attributes.html
async function signUp(_ctx, req) {
  const given = foldAttributes(attributesToRecord(req.UserAttributes));
  if (["sub", "email_verified", "phone_number_verified"].some((name) => name in given)) {
    throw notAuthorized("A client attempted to write unauthorized attribute");
  }
  const { Username, Attributes } = nameUser(fold(req.Username), given, invalidParameter);
  const reason = misfit(Attributes, pool.options.SchemaAttributes);
  if (reason) throw invalidParameter(reason);
  pool.take(Username, Attributes, false, exists);
  const { autoConfirmUser, ...verified } = await preSignUp(req, Username, Attributes);

  const verify = { email: verified.autoVerifyEmail, phone_number: verified.autoVerifyPhone };
  for (const name of Object.keys(verify).filter((name) => verify[name])) {
    if (!Attributes[name]) throw exception("InvalidLambdaResponseException", `There is no ${name} to verify.`);
    Attributes[`${name}_verified`] = "true";
  }
  pool.take(Username, Attributes, true, exists);
  const Status = autoConfirmUser ? "CONFIRMED" : "UNCONFIRMED";
  const user = newUser({ Username, Attributes, Password: req.Password, Status });
  if (!autoConfirmUser) user.ConfirmationCode = newCode();
  pool.put(user);
  return { UserConfirmed: autoConfirmUser === true, UserSub: Attributes.sub };
}

// An error from the trigger refuses the sign-up. An address that it verifies moves from the user who has it as an alias.
// https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-pre-sign-up.html
async function preSignUp(req, userName, { sub, ...userAttributes }) {
  if (!functionOf("PreSignUp")) return {};
  const answer = await callTrigger(
    "PreSignUp",
    "PreSignUp_SignUp",
    userName,
    {
      userAttributes,
      validationData: req.ValidationData ? attributesToRecord(req.ValidationData) : null,
      ...(req.ClientMetadata && { clientMetadata: req.ClientMetadata }),
    },
    { autoConfirmUser: false, autoVerifyEmail: false, autoVerifyPhone: false },
  );
  return answer?.response ?? {};
}

module.exports = { signUp };
