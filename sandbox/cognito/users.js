"use strict";

// The pool with its users: the emulator's, in memory, found by the names that AWS finds them by.

const { randomUUID } = require("node:crypto");

const {
  UserPoolServiceImpl,
  attributesFromRecord,
  attributesToRecord,
} = require("cognito-local/lib/services/userPoolService");

const { clock } = require("./settings");
const { aliasAttributes, description, fold, foldAttributes, signInAttributes } = require("./shape");

// The emulator's own store rewrites its whole file at every write, and writes in parallel corrupt that file.
class MemoryStore {
  root = Object.create(null);

  #parent(path) {
    return path.slice(0, -1).reduce((at, key) => (at[key] ??= Object.create(null)), this.root);
  }
  async get(_ctx, key, otherwise = null) {
    const path = [key].flat();
    return this.#parent(path)[path.at(-1)] ?? otherwise;
  }
  async set(_ctx, key, value) {
    const path = [key].flat();
    this.#parent(path)[path.at(-1)] = value;
  }
  async delete(_ctx, key) {
    const path = [key].flat();
    delete this.#parent(path)[path.at(-1)];
  }
}

// find, take and put are synchronous: what runs between them sees no other request's change.
class Pool extends UserPoolServiceImpl {
  users = (this.dataStore.root.Users = Object.create(null));
  #usernames = new Map(); // by every other name that a user is found by

  // Instead of the username a request may give any name that signs the user in, and the sub of a local user.
  // https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_AdminGetUser.html
  #otherNames(user) {
    const attributes = attributesToRecord(user.Attributes);
    const names = signInAttributes(attributes).map((name) => attributes[name]);
    return user.UserStatus === "EXTERNAL_PROVIDER" ? names : [attributes.sub, ...names];
  }
  find(name) {
    const folded = fold(name);
    if (this.users[folded]) return this.users[folded];
    const user = this.users[this.#usernames.get(folded)];
    return user && this.#otherNames(user).includes(folded) ? user : null;
  }
  put(user) {
    user.Username = fold(user.Username);
    user.Attributes = attributesFromRecord(foldAttributes(attributesToRecord(user.Attributes)));
    this.users[user.Username] = user;
    for (const name of this.#otherNames(user)) this.#usernames.set(name, user.Username);
  }

  // Takes the names of a new user for that user. A name that another user signs in with makes it throw what refuse makes
  // of the reason. If force is set, aliases move to the new user instead: the address of the other one is unverified then.
  // https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-settings-attributes.html#user-pool-settings-aliases
  // https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_AdminCreateUser.html
  take(username, attributes, force, refuse) {
    if (this.users[username]) throw refuse("User already exists");
    const taken = signInAttributes(attributes).filter((name) => this.find(attributes[name]));
    const movable = (name) => aliasAttributes.includes(name) && name !== "preferred_username";
    const clash = taken.find((name) => !(force && movable(name)));
    if (clash) throw refuse(`An account with the given ${clash} already exists.`);
    for (const name of taken) {
      const other = this.find(attributes[name]);
      this.put({
        ...other,
        Attributes: attributesFromRecord({ ...attributesToRecord(other.Attributes), [`${name}_verified`]: "false" }),
      });
    }
  }
  async getUserByUsername(_ctx, name) {
    return this.find(name);
  }
  async saveUser(_ctx, user) {
    this.put(user);
  }
  async updateOptions(_ctx, options) {
    Object.assign(this.options, options);
  }
}

const clients = new MemoryStore();
const pool = new Pool(clients, clock, new MemoryStore(), description);

// A new user. The password is kept in the clear, for tests to compare.
function newUser({ Username, Password, Attributes, Status = "CONFIRMED", MFA = [] }) {
  const now = clock.get();
  const sub = Attributes.sub || randomUUID();
  return {
    Username: Username || sub,
    Password,
    Attributes: attributesFromRecord({ ...Attributes, sub }),
    Enabled: true,
    UserStatus: Status,
    UserMFASettingList: MFA,
    PreferredMfaSetting: MFA[0],
    UserCreateDate: now,
    UserLastModifiedDate: now,
    RefreshTokens: [],
    FailedSignIns: 0,
  };
}

// n >= 5 failed sign-ins lock the user for 2^(n-5) seconds, at most about 15 minutes; attempts during a lockout do not
// count; a successful sign-in resets n.
// https://docs.aws.amazon.com/cognito/latest/developerguide/authentication.html#authentication-flow-lockout-behavior
function countFailures(user, n) {
  user.FailedSignIns = n;
  user.LockedUntil = n < 5 ? 0 : clock.get().getTime() + Math.min(2 ** (n - 5), 900) * 1000;
}

module.exports = { clients, countFailures, newUser, pool };
