"use strict";

// Calls of the pool's Lambda functions.
// https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-working-with-lambda-triggers.html

const { attributesToRecord } = require("cognito-local/lib/services/userPoolService");

const { exception } = require("./exceptions");
const { config } = require("./settings");
const { functionOf, region } = require("./shape");

// Calls the function that is configured for a trigger, and returns its answer. Cognito waits 5 seconds and may call again; AWS
// does not say how often. Here it is three times in all. An error that the function returns is an answer: it is not tried again.
async function callTrigger(trigger, triggerSource, userName, request, response) {
  const endpoint = config[trigger]?.Endpoint ?? config.LambdaEndpoint;
  const url = `${endpoint}/2015-03-31/functions/${encodeURIComponent(functionOf(trigger))}/invocations`;
  const body = JSON.stringify(eventOf(triggerSource, userName, request, response));
  let cause;
  for (let tries = 0; tries < 3; tries++) {
    let res, payload;
    try {
      res = await fetch(url, { method: "POST", body, signal: AbortSignal.timeout(5000) });
      payload = await res.text();
    } catch (err) {
      cause = err.name === "TimeoutError" ? "Socket timeout while invoking Lambda function" : String(err.cause ?? err);
      continue;
    }
    if (res.ok) return answerOf(trigger, res, payload);
    cause = res.headers.get("x-amzn-errortype") ?? `HTTP status ${res.status}`;
    if (res.status !== 429 && res.status < 500) break;
  }
  throw exception("UnexpectedLambdaException", `${trigger} invocation failed due to error ${cause}.`);
}

const eventOf = (triggerSource, userName, request, response) => ({
  version: "1",
  triggerSource,
  region,
  userPoolId: config.PoolID,
  userName,
  callerContext: { awsSdkVersion: "aws-sdk-unknown-unknown", clientId: config.ClientID },
  request,
  response,
});

function answerOf(trigger, res, payload) {
  let answer;
  try {
    answer = payload && JSON.parse(payload);
  } catch {
    throw exception("InvalidLambdaResponseException", "Unrecognizable lambda output");
  }
  if (!res.headers.has("x-amz-function-error")) return answer;
  throw exception("UserLambdaValidationException", `${trigger} failed with error ${answer.errorMessage}.`);
}

// How the ClientMetadata of a sign-in reaches the triggers: the Developer Guide's pages on the triggers name
// validationData, the API Reference clientMetadata.
// https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-migrate-user.html
// https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_InitiateAuth.html
const signInData = (metadata) => ({
  validationData: metadata ?? null,
  ...(metadata && { clientMetadata: metadata }),
});

// Asks the pre sign-up trigger about a new user. An error refuses the user. An address that it verifies moves from the user who has it as an
// alias.
// https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-pre-sign-up.html
async function preSignUp(triggerSource, req, userName, { sub, ...userAttributes }) {
  if (!functionOf("PreSignUp")) return {};
  const answer = await callTrigger(
    "PreSignUp",
    triggerSource,
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

module.exports = { callTrigger, preSignUp, signInData };
