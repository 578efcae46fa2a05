{
  "variables": { "openssl_fips": "", "portable%": 0 },
  "targets": [
    {
      "target_name": "weightloom",
      "includes": ["native/gyp/common.gypi"],
      "sources": ["<!@(node native/gyp/list.cjs addon)", "<!@(node native/gyp/list.cjs core)"],
      "include_dirs": ["<!(node -p \"require('node-addon-api').include_dir\")"],
      "defines": [
        "NAPI_VERSION=9", "NAPI_CPP_EXCEPTIONS", "NODE_ADDON_API_CPP_EXCEPTIONS_ALL",
        "NODE_ADDON_API_DISABLE_DEPRECATED", "NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS",
        "WEIGHTLOOM_VERSION=\"<!(node -p \"require('./package.json').version\")\""
      ],
      "dependencies": ["kernels_scalar"],
      "conditions": [
        ["target_arch=='x64'", { "dependencies": ["kernels_avx2", "kernels_avx512"] }],
        ["target_arch=='arm64'", { "dependencies": ["kernels_neon"] }],
        ["OS=='linux'", {
          "libraries": ["-ldl"],
          "ldflags": ["-Wl,--gc-sections", "-Wl,-z,now,-z,relro,-z,nodelete",
                      "-Wl,--version-script=<(module_root_dir)/native/exports.map"]
        }],
        ["OS=='linux' and portable==1", { "ldflags": ["-static-libstdc++", "-static-libgcc"] }]
      ]
    },
    {
      "target_name": "kernels_scalar", "type": "static_library", "includes": ["native/gyp/common.gypi"],
      "sources": ["<!@(node native/gyp/list.cjs isa.scalar.sources)"],
      "cflags": ["<!@(node native/gyp/list.cjs isa.scalar.gcc)"],
      "xcode_settings": { "OTHER_CFLAGS": ["<!@(node native/gyp/list.cjs isa.scalar.gcc)"] },
      "msvs_settings": { "VCCLCompilerTool": { "AdditionalOptions": ["<!@(node native/gyp/list.cjs isa.scalar.msvc)"] } }
    }
  ],
  "conditions": [
    ["target_arch=='x64'", { "targets": [
    {
      "target_name": "kernels_avx2", "type": "static_library", "includes": ["native/gyp/common.gypi"],
      "sources": ["<!@(node native/gyp/list.cjs isa.avx2.sources)"],
      "cflags": ["<!@(node native/gyp/list.cjs isa.avx2.gcc)"],
      "xcode_settings": { "OTHER_CFLAGS": ["<!@(node native/gyp/list.cjs isa.avx2.gcc)"] },
      "msvs_settings": { "VCCLCompilerTool": { "AdditionalOptions": ["<!@(node native/gyp/list.cjs isa.avx2.msvc)"] } }
    },
    {
      "target_name": "kernels_avx512", "type": "static_library", "includes": ["native/gyp/common.gypi"],
      "sources": ["<!@(node native/gyp/list.cjs isa.avx512.sources)"],
      "cflags": ["<!@(node native/gyp/list.cjs isa.avx512.gcc)"],
      "xcode_settings": { "OTHER_CFLAGS": ["<!@(node native/gyp/list.cjs isa.avx512.gcc)"] },
      "msvs_settings": { "VCCLCompilerTool": { "AdditionalOptions": ["<!@(node native/gyp/list.cjs isa.avx512.msvc)"] } }
    }
    ] }],
    ["target_arch=='arm64'", { "targets": [
    {
      "target_name": "kernels_neon", "type": "static_library", "includes": ["native/gyp/common.gypi"],
      "sources": ["<!@(node native/gyp/list.cjs isa.neon.sources)"],
      "cflags": ["<!@(node native/gyp/list.cjs isa.neon.gcc)"],
      "xcode_settings": { "OTHER_CFLAGS": ["<!@(node native/gyp/list.cjs isa.neon.gcc)"] },
      "msvs_settings": { "VCCLCompilerTool": { "AdditionalOptions": ["<!@(node native/gyp/list.cjs isa.neon.msvc)"] } }
    }
    ] }]
  ]
}
