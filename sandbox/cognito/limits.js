"use strict";

// How long names and passwords may be, and how often operations may be called.

const { exception, outOfBounds } = require("./exceptions");
const { clock } = require("./settings");

// https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_AdminGetUser.html
// https://docs.aws.amazon.com/cognito/latest/developerguide/quotas.html#resource-quotas
const most = { username: 128, password: 256 };
function checkLengths(username = "", password = "") {
  for (const [member, value] of Object.entries({ username, password })) {
    if ([...value].length > most[member]) throw outOfBounds(member, `length less than or equal to ${most[member]}`);
  }
}

// The categories of the operations that the emulator knows. RespondToAuthChallenge is in several, by a rule of its own,
// and so in none here.
// https://docs.aws.amazon.com/cognito/latest/developerguide/quotas.html#category_operations
const categories = {
  UserAuthentication: ["InitiateAuth", "AdminInitiateAuth"],
  UserCreation: ["SignUp", "ConfirmSignUp", "AdminCreateUser", "AdminConfirmSignUp"],
  UserAccountRecovery: ["ChangePassword", "ConfirmForgotPassword", "ForgotPassword", "AdminResetUserPassword", "AdminSetUserPassword"],
  UserRead: ["AdminGetUser", "GetUser"],
  UserUpdate: [
    "AdminAddUserToGroup",
    "AdminDeleteUserAttributes",
    "AdminUpdateUserAttributes",
    "AdminDeleteUser",
    "AdminDisableUser",
    "AdminEnableUser",
    "VerifyUserAttribute",
    "DeleteUser",
    "DeleteUserAttributes",
    "UpdateUserAttributes",
    "AdminRemoveUserFromGroup",
  ],
  UserToken: ["RevokeToken"],
  UserResourceRead: ["AdminListGroupsForUser", "GetUserAttributeVerificationCode"],
  UserResourceUpdate: ["SetUserMFAPreference", "VerifySoftwareToken", "AssociateSoftwareToken"],
  UserList: ["ListUsers", "ListUsersInGroup"],
  UserPoolRead: ["DescribeUserPool", "ListUserPools"],
  UserPoolUpdate: ["CreateUserPool", "UpdateUserPool", "DeleteUserPool"],
  UserPoolResourceRead: ["GetGroup", "GetUserPoolMfaConfig", "ListGroups"],
  UserPoolResourceUpdate: ["AddCustomAttributes", "CreateGroup", "DeleteGroup", "SetUserPoolMfaConfig", "UpdateGroup"],
  UserPoolClientRead: ["DescribeUserPoolClient", "ListUserPoolClients"],
  UserPoolClientUpdate: ["CreateUserPoolClient", "UpdateUserPoolClient", "DeleteUserPoolClient"],
};

// A bucket for each operation of a category that is limited: it holds the requests of one second, and fills again by the
// rate. Requests beyond that are refused.
let buckets = new Map();
function setRates(given) {
  const rates = given ?? {};
  const unknown = Object.keys(rates).find((category) => !Object.hasOwn(categories, category));
  if (unknown) throw new Error(`${unknown} is no category of operations`);
  buckets = new Map();
  for (const [category, rate] of Object.entries(rates)) {
    const bucket = { rate, held: Math.max(rate, 1), at: clock.get() };
    for (const operation of categories[category]) buckets.set(operation, bucket);
  }
}

// https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/CommonErrors.html
function throttle(operation) {
  const bucket = buckets.get(operation);
  if (!bucket) return;
  const now = clock.get();
  bucket.held = Math.min(Math.max(bucket.rate, 1), bucket.held + (bucket.rate * (now - bucket.at)) / 1000);
  bucket.at = now;
  if (bucket.held < 1) throw exception("TooManyRequestsException", "Rate exceeded");
  bucket.held--;
}

module.exports = { checkLengths, setRates, throttle };
