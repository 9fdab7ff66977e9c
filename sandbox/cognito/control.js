"use strict";

// What tests do without the API: they store users as they are, read and remove them, and configure the pool. Users have the
// form of the User of the Go package.

const { attributesToRecord } = require("cognito-local/lib/services/userPoolService");

const { setFlows, setSecrets } = require("./client");
const { setRates } = require("./limits");
const { setPageSize } = require("./list");
const { clock, config } = require("./settings");
const { attach, fold } = require("./shape");
const { countFailures, newUser, pool } = require("./users");

function recordOf(u) {
  const user = {
    ...newUser({ ...u, Attributes: { ...u.Attributes, sub: u.Sub }, Status: u.Status || undefined, MFA: u.MFA ?? [] }),
    Enabled: !u.Disabled,
    PreferredMfaSetting: u.PreferredMFA || undefined,
    PreAuthenticationError: u.PreAuthenticationError,
    SignInError: u.SignInError,
    ...(u.Created && { UserCreateDate: new Date(u.Created) }),
    ...(u.Modified && { UserLastModifiedDate: new Date(u.Modified) }),
  };
  countFailures(user, u.FailedSignIns ?? 0);
  return user;
}

function userOf(record) {
  const { sub, ...attributes } = attributesToRecord(record.Attributes);
  return {
    Username: record.Username,
    Password: record.Password,
    Sub: sub,
    Attributes: attributes,
    Disabled: !record.Enabled,
    Status: record.UserStatus,
    MFA: record.UserMFASettingList,
    PreferredMFA: record.PreferredMfaSetting,
    PreAuthenticationError: record.PreAuthenticationError,
    SignInError: record.SignInError,
    FailedSignIns: record.FailedSignIns,
    Code: record.ConfirmationCode,
    Created: record.UserCreateDate,
    Modified: record.UserLastModifiedDate,
  };
}

const settings = {
  Advance(milliseconds) {
    clock.ahead += milliseconds;
  },
  ClientSecrets: setSecrets,
  ExplicitAuthFlows: setFlows,
  PageSize: setPageSize,
  PreSignUpOfMigrations(source) {
    config.PreSignUpOfMigrations = source;
  },
  Rates: setRates,
  Triggers: attach,
};

const control = {
  "GET /_sandbox/users": () => Object.values(pool.users).map(userOf),
  "POST /_sandbox/users": (users) => {
    for (const user of users) pool.put(recordOf(user));
  },
  "DELETE /_sandbox/users": (usernames) => {
    for (const username of usernames) delete pool.users[fold(username)];
  },
  "POST /_sandbox/settings": (values) => {
    for (const [name, value] of Object.entries(values)) settings[name](value);
  },
};

module.exports = { control };
