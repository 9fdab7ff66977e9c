"use strict";

// The exceptions that several operations throw, in the words that are documented, or reported by users of real pools.

const { CognitoError } = require("cognito-local/lib/errors");

const exception = (code, message) => new CognitoError(code, message);
const notAuthorized = (message) => exception("NotAuthorizedException", message);
const incorrect = () => notAuthorized("Incorrect username or password.");
const invalidParameter = (message) => exception("InvalidParameterException", message);
const userNotFound = (message = "User does not exist.") => exception("UserNotFoundException", message);

// A value that is outside the bounds of the API Reference.
const outOfBounds = (member, bound) =>
  invalidParameter(
    `1 validation error detected: Value at '${member}' failed to satisfy constraint: Member must have ${bound}`,
  );

module.exports = { exception, incorrect, invalidParameter, notAuthorized, outOfBounds, userNotFound };
