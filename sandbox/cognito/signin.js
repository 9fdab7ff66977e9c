"use strict";

// An app: it signs a user in, or starts a forgotten password, with the unchanged amazon-cognito-identity-js, and prints
// what the user gets: {ok, code, message, claims} of the ID token, or {ok, code, message, delivery}.
//
//   node signin.js signIn ENDPOINT POOL_ID CLIENT_ID USERNAME PASSWORD
//   node signin.js forgotPassword ENDPOINT POOL_ID CLIENT_ID USERNAME
//   node signin.js confirmPassword ENDPOINT POOL_ID CLIENT_ID USERNAME CODE NEW_PASSWORD

const { AuthenticationDetails, CognitoUser, CognitoUserPool } = require("amazon-cognito-identity-js");

const [operation, endpoint, UserPoolId, ClientId, Username, ...args] = process.argv.slice(2);
const user = new CognitoUser({ Username, Pool: new CognitoUserPool({ UserPoolId, ClientId, endpoint }) });
const print = (result) => console.log(JSON.stringify(result));
const onFailure = ({ code, message }) => print({ ok: false, code, message });

const operations = {
  signIn([Password]) {
    const challenge = (name) => print({ ok: false, code: name, message: "challenge" });
    user.setAuthenticationFlowType("USER_PASSWORD_AUTH");
    user.authenticateUser(new AuthenticationDetails({ Username, Password }), {
      onSuccess: (session) => print({ ok: true, claims: session.getIdToken().decodePayload() }),
      onFailure,
      newPasswordRequired: () => challenge("NEW_PASSWORD_REQUIRED"),
      mfaRequired: challenge,
      totpRequired: challenge,
      mfaSetup: challenge,
      selectMFAType: challenge,
    });
  },
  forgotPassword() {
    user.forgotPassword({ onSuccess: (data) => print({ ok: true, delivery: data?.CodeDeliveryDetails }), onFailure });
  },
  confirmPassword([code, password]) {
    user.confirmPassword(code, password, { onSuccess: () => print({ ok: true }), onFailure });
  },
};
operations[operation](args);
