// swift-tools-version:6.0
import PackageDescription

// `cargo xtask bindings` writes the sources. On Apple's systems the library comes as an xcframework, which
// `cargo xtask xcframework` puts beside this file; elsewhere the linker is told where it lies (`-Xlinker -L…`).
#if os(Linux)
  let library: Target = .systemLibrary(name: "DunnockCoreFFI", path: "Sources/DunnockCoreFFI")
#else
  let library: Target = .binaryTarget(name: "DunnockCoreFFI", path: "DunnockCoreFFI.xcframework")
#endif

let package = Package(
  name: "DunnockCore",
  platforms: [.iOS(.v17), .macOS(.v14)],
  products: [.library(name: "DunnockCore", targets: ["DunnockCore"])],
  targets: [
    library,
    .target(
      name: "DunnockCore",
      dependencies: ["DunnockCoreFFI"],
      // What the generator writes does not hold under Swift 6's rules for globals yet.
      swiftSettings: [.swiftLanguageMode(.v5)],
      linkerSettings: [.linkedLibrary("dunnock_ffi", .when(platforms: [.linux]))]
    ),
  ]
)
