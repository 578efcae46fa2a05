// Prints one list of native/sources.json for binding.gyp: `node list.cjs isa.avx2.sources`.
const sources = require("../sources.json");
const value = process.argv[2].split(".").reduce((at, key) => at[key], sources);
console.log(value.join("\n"));
