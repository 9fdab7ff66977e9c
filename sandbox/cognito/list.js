"use strict";

// ListUsers: a filter, the order, pages and tokens.
// https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_ListUsers.html
// https://docs.aws.amazon.com/cognito/latest/developerguide/how-to-manage-user-accounts.html

const { randomUUID } = require("node:crypto");

const { attributeValue } = require("cognito-local/lib/services/userPoolService");
const { userToResponseObject } = require("cognito-local/lib/targets/responses");

const { invalidParameter, outOfBounds } = require("./exceptions");
const { clock } = require("./settings");
const { fold } = require("./shape");
const { pool } = require("./users");

const lifetime = 60 * 60 * 1000;
const largestPage = 60;
const longestFilter = 256;

// A page may have fewer users than were asked for, and more to come.
let pageSize = largestPage;
function setPageSize(size) {
  pageSize = size || largestPage;
}

// What can be searched by. A username has to be the real one, not an alias. The page on searching takes all searches for
// insensitive to case; the API Reference is more particular.
const attribute = (name) => (user) => attributeValue(name, user.Attributes);
const anyCase = (value) => value.toLowerCase();
const searchable = {
  username: { of: (user) => user.Username, as: fold },
  "cognito:user_status": { of: (user) => user.UserStatus, as: anyCase },
  status: { of: (user) => (user.Enabled ? "Enabled" : "Disabled"), as: (value) => value },
};
for (const name of ["sub", "email", "phone_number", "name", "given_name", "family_name", "preferred_username"]) {
  searchable[name] = { of: attribute(name), as: anyCase };
}

// The users that a filter finds, in ascending order of the attribute that it names. Without one there is no order to
// rely on.
function search(filter) {
  const users = Object.values(pool.users);
  if (!filter) return users;
  const [, name, type, quoted] = /^\s*([^\s"^=]+)\s*(\^?=)\s*"(.*)"\s*$/s.exec(filter) ?? [];
  if (!name) throw invalidParameter("Error while parsing filter");
  if (!Object.hasOwn(searchable, name)) throw invalidParameter(`Invalid search attribute: ${name}`);
  const { of, as } = searchable[name];
  const wanted = as(quoted.replace(/\\(.)/gs, "$1"));
  return users
    .map((user) => [as(of(user) ?? ""), user])
    .filter(([value]) => value && (type === "=" ? value === wanted : value.startsWith(wanted)))
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    .map(([, user]) => user);
}

// AttributesToGet has to be set in every user who is found; an attribute that can't be searched by, in every user of the
// pool. The text is that of real pools.
function checkAttributes(names, found) {
  for (const name of names) {
    const users = Object.hasOwn(searchable, name) ? found : Object.values(pool.users);
    if (!users.every(attribute(name))) throw invalidParameter("One or more requested attributes do not exist.");
  }
}

// The first request of a chain fixes which users it lists, in what order: that is how eventually consistent it is, and why
// no user comes twice. A token says where to go on, and ends after an hour.
const chains = new Map();
function begin(parameters, { Filter, AttributesToGet }) {
  for (const [id, { used }] of chains) {
    if (clock.get() - used > lifetime) chains.delete(id);
  }
  const found = search(Filter);
  checkAttributes(AttributesToGet ?? [], found);
  const chain = { id: randomUUID(), parameters, usernames: found.map(({ Username }) => Username) };
  chains.set(chain.id, chain);
  return { chain, from: 0 };
}
function goOn(parameters, token) {
  const [id, from, issued] = Buffer.from(token, "base64url").toString().split(" ");
  const chain = chains.get(id);
  const expired = clock.get() - Number(issued) > lifetime;
  if (!chain || expired || chain.parameters !== parameters) throw invalidParameter("Invalid pagination token.");
  return { chain, from: Number(from) };
}

async function listUsers(_ctx, req) {
  if ([...(req.Filter ?? "")].length > longestFilter) throw outOfBounds("filter", `length less than or equal to ${longestFilter}`);
  if (req.Limit > largestPage) throw outOfBounds("limit", `value less than or equal to ${largestPage}`);
  const parameters = JSON.stringify([req.Filter, req.AttributesToGet, req.Limit]);
  const { chain, from } = req.PaginationToken ? goOn(parameters, req.PaginationToken) : begin(parameters, req);
  const to = from + Math.min(req.Limit || largestPage, pageSize);
  const users = chain.usernames.slice(from, to).map((username) => pool.users[username]);
  const issued = clock.get().getTime();
  chain.used = issued;
  const more = to < chain.usernames.length;
  return {
    Users: users.filter(Boolean).map((user) => shown(user, req.AttributesToGet)),
    PaginationToken: more ? Buffer.from([chain.id, to, issued].join(" ")).toString("base64url") : undefined,
  };
}

function shown(user, names) {
  const { Attributes, ...rest } = userToResponseObject(user);
  return { ...rest, Attributes: names?.length ? Attributes.filter(({ Name }) => names.includes(Name)) : Attributes };
}

module.exports = { listUsers, setPageSize };
