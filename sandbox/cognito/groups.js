"use strict";

// Groups, and who is in them. The emulator's own code does the rest.
// https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-user-groups.html

const { groupToResponseObject } = require("cognito-local/lib/targets/responses");

const { exception, outOfBounds, userNotFound } = require("./exceptions");
const { clock, config } = require("./settings");
const { pool } = require("./users");

const shown = groupToResponseObject(config.PoolID);

// https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_CreateGroup.html
async function createGroup(ctx, { GroupName, Description, Precedence, RoleArn }) {
  if ([...GroupName].length > 128) throw outOfBounds("groupName", "length less than or equal to 128");
  if (await pool.getGroupByGroupName(ctx, GroupName)) {
    throw exception("GroupExistsException", "A group with the name already exists.");
  }
  const now = clock.get();
  const group = { GroupName, Description, Precedence, RoleArn, CreationDate: now, LastModifiedDate: now };
  await pool.saveGroup(ctx, group);
  return { Group: shown(group) };
}

// https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_AdminAddUserToGroup.html
async function adminAddUserToGroup(ctx, req) {
  const group = await pool.getGroupByGroupName(ctx, req.GroupName);
  if (!group) throw exception("ResourceNotFoundException", "Group not found.");
  await pool.addUserToGroup(ctx, group, findUser(req));
  return {};
}

// https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_AdminListGroupsForUser.html
async function adminListGroupsForUser(ctx, req) {
  const { Username } = findUser(req);
  const groups = await pool.listGroups(ctx);
  return page(
    req,
    groups.filter(({ members }) => members?.includes(Username)),
  );
}

// https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_ListGroups.html
const listGroups = async (ctx, req) => page(req, await pool.listGroups(ctx));

function findUser({ Username }) {
  const user = pool.find(Username);
  if (!user) throw userNotFound();
  return user;
}

// One page of groups, by name. The token is the name of the last group of the page before.
function page({ Limit, NextToken }, groups) {
  if (Limit > 60) throw outOfBounds("limit", "value less than or equal to 60");
  const rest = groups
    .toSorted((a, b) => (a.GroupName < b.GroupName ? -1 : 1))
    .filter(({ GroupName }) => !NextToken || GroupName > Buffer.from(NextToken, "base64url").toString());
  const found = rest.slice(0, Limit || 60);
  return {
    Groups: found.map(shown),
    NextToken: found.length < rest.length ? Buffer.from(found.at(-1).GroupName).toString("base64url") : undefined,
  };
}

module.exports = { adminAddUserToGroup, adminListGroupsForUser, createGroup, listGroups };
