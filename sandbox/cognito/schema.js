"use strict";

// The attributes that a pool knows, and which values they take.
// https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-settings-attributes.html
// https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_SchemaAttributeType.html

const { USER_POOL_AWS_DEFAULTS } = require("cognito-local/lib/services/cognitoService");

// The pool's SchemaAttributes: every pool has the standard attributes, of which the configuration may change properties;
// it adds custom ones.
function schemaOf(configured) {
  const schema = new Map(USER_POOL_AWS_DEFAULTS.SchemaAttributes.map((attribute) => [attribute.Name, attribute]));
  for (const given of configured ?? []) {
    const custom = /^(custom|dev):/.test(given.Name);
    if (!custom && !schema.has(given.Name)) throw new Error(`${given.Name} is neither a standard attribute nor custom:…`);
    const set = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== null && value !== ""));
    const standard = schema.get(given.Name) ?? {
      AttributeDataType: "String",
      DeveloperOnlyAttribute: given.Name.startsWith("dev:"),
      Mutable: true,
      Required: false,
    };
    schema.set(given.Name, { ...standard, ...set });
  }
  return [...schema.values()];
}

// What is wrong with a value, by the type and the bounds of its attribute. Nothing is trimmed or converted. Without a
// bound of its own, a string may have 2,048 characters.
const types = {
  String(value, { StringAttributeConstraints: bounds }) {
    const length = [...value].length;
    const [least, most] = [bounds?.MinLength ?? 0, bounds?.MaxLength ?? 2048].map(Number);
    if (length < least) return `String must be no shorter than ${least} characters`;
    if (length > most) return `String must be no longer than ${most} characters`;
  },
  Number(value, { NumberAttributeConstraints: bounds }) {
    if (!/^-?\d+(\.\d+)?$/.test(value)) return "Value must be a number";
    if (Number(value) < Number(bounds?.MinValue ?? -Infinity)) return `Number must be no less than ${bounds.MinValue}`;
    if (Number(value) > Number(bounds?.MaxValue ?? Infinity)) return `Number must be no greater than ${bounds.MaxValue}`;
  },
  Boolean: (value) => (["true", "false"].includes(value) ? undefined : "Value must be true or false"),
  DateTime: (value) => (Number.isNaN(Date.parse(value)) ? "Value must be a date and time" : undefined),
};

// An email address is any text with an @ in the middle; AWS does not say more. A phone number is + and digits.
const forms = { email: /^[^@\s]+@[^@\s]+$/, phone_number: /^\+\d+$/ };
const formats = {
  email: [forms.email, "Invalid email address format."],
  phone_number: [forms.phone_number, "Invalid phone number format."],
  birthdate: [/^\d{4}-\d{2}-\d{2}$/, "Invalid birthdate format."],
};

// Why a user with these attributes, a map of names to values, does not fit the schema; undefined if the user does.
function misfit(attributes, schema) {
  const byName = new Map(schema.map((attribute) => [attribute.Name, attribute]));
  const violations = [];
  for (const [name, value] of Object.entries(attributes)) {
    const attribute = byName.get(name);
    const violation = attribute
      ? types[attribute.AttributeDataType](value, attribute)
      : "Attribute does not exist in the schema.";
    if (violation) violations.push(`${name}: ${violation}`);
  }
  for (const { Name, Required } of schema) {
    if (Required && Name !== "sub" && !attributes[Name]) violations.push(`${Name}: The attribute is required`);
  }
  if (violations.length) return `Attributes did not conform to the schema: ${violations.join(" ")}`;

  for (const [name, [format, message]] of Object.entries(formats)) {
    if (attributes[name] && !format.test(attributes[name])) return message;
  }
  if ("email_verified" in attributes && !attributes.email) return "Email is required to verify/un-verify an email";
  if ("phone_number_verified" in attributes && !attributes.phone_number) {
    return "Phone Number is required to verify/un-verify a phone number";
  }
}

module.exports = { forms, misfit, schemaOf };
