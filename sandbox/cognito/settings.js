"use strict";

// What the pool is started with, and its clock. A test may move the clock forward.

const config = JSON.parse(process.env.POOL);
const clock = {
  ahead: 0, // in milliseconds
  get() {
    return new Date(Date.now() + this.ahead);
  },
};

module.exports = { config, clock };
