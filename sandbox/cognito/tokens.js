"use strict";

// The tokens of a successful sign-in.

const { createPrivateKey } = require("node:crypto");

const { JwtTokenGenerator } = require("cognito-local/lib/services/tokenGenerator");
const { attributesToRecord } = require("cognito-local/lib/services/userPoolService");

const { client } = require("./client");
const { clock } = require("./settings");
const { pool } = require("./users");

// The ID token holds all attributes that the app client may read, and the two _verified ones as booleans. The emulator
// writes email alone and takes the text "false" for true.
// https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-the-id-token.html
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

const tokenGenerator = new JwtTokenGenerator(clock, triggers, { IssuerDomain: process.env.ENDPOINT });

async function signTokens(ctx, user) {
  const groups = await pool.listUserGroupMembership(ctx, user);
  const tokens = await tokenGenerator.generate(ctx, user, groups, client, {}, "Authentication");
  user.RefreshTokens.push(tokens.RefreshToken);
  return { ...tokens, ExpiresIn: 3600, TokenType: "Bearer" };
}

module.exports = { signTokens, tokenGenerator, triggers };
