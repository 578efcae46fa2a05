{
  "cflags": ["-fvisibility=hidden", "-ffunction-sections", "-fdata-sections",
             "<!@(node native/gyp/list.cjs flags.gcc)"],
  "cflags!": ["-O2"],
  "cflags_cc!": ["-std=gnu++17", "-std=gnu++20", "-fno-exceptions", "-fno-rtti"],
  "cflags_cc": ["-std=c++20", "-fvisibility-inlines-hidden", "-Wall", "-Wextra", "-Wno-missing-field-initializers"],
  "xcode_settings": {
    "CLANG_CXX_LANGUAGE_STANDARD": "c++20",
    "MACOSX_DEPLOYMENT_TARGET": "11.0",
    "GCC_ENABLE_CPP_EXCEPTIONS": "YES",
    "GCC_ENABLE_CPP_RTTI": "YES",
    "GCC_OPTIMIZATION_LEVEL": "3",
    "GCC_SYMBOLS_PRIVATE_EXTERN": "YES",
    "GCC_INLINES_ARE_PRIVATE_EXTERN": "YES",
    "OTHER_CFLAGS": ["<!@(node native/gyp/list.cjs flags.gcc)"]
  },
  "msvs_settings": {
    "VCCLCompilerTool": {
      "ExceptionHandling": 1,
      "AdditionalOptions": ["/std:c++20", "/utf-8", "/Zc:__cplusplus", "/permissive-",
                            "<!@(node native/gyp/list.cjs flags.msvc)"]
    }
  },
  "conditions": [
    ["OS=='win'", { "defines": ["_HAS_EXCEPTIONS=1", "NOMINMAX", "WIN32_LEAN_AND_MEAN"] }]
  ]
}
