// swift-tools-version:6.0
import PackageDescription

// Everything of the app but the two things that only Xcode can build: the app and its notification extension. They are
// folders of this tree too, `App` and `Notifications`, and `project.yml` makes a project of them.

var targets: [Target] = [
  .target(name: "Bridge", dependencies: [.product(name: "DunnockCore", package: "swift")]),
  .target(name: "Models", dependencies: ["Bridge"]),
  .target(name: "Platform", dependencies: ["Models"]),
  .testTarget(
    name: "ContractTests",
    dependencies: ["TestStage", .product(name: "DunnockCore", package: "swift")]
  ),
  .testTarget(
    name: "PanicTests",
    dependencies: ["TestStage", .product(name: "DunnockCore", package: "swift")]
  ),
  .testTarget(name: "ModelTests", dependencies: ["TestStage", "Models", "Platform"]),
  .target(
    name: "TestStage",
    dependencies: [.product(name: "DunnockCore", package: "swift")],
    path: "Tests/TestStage"
  ),
]

#if os(Linux)
  // The first measures; of the others nothing draws: the stubs have the names and types that the views use, so that the compiler checks them.
  targets += [
    .executableTarget(
      name: "BorderBench",
      dependencies: [.product(name: "DunnockCore", package: "swift")],
      path: "Tests/BorderBench"
    ),
    .target(name: "UIKit", path: "LinuxStubs/UIKit"),
    .target(name: "SwiftUI", dependencies: ["UIKit"], path: "LinuxStubs/SwiftUI"),
    .target(name: "UserNotifications", path: "LinuxStubs/UserNotifications"),
    .target(name: "Network", path: "LinuxStubs/Network"),
    .target(name: "Views", dependencies: ["Models", "SwiftUI"]),
    .target(
      name: "AppChecked",
      dependencies: ["Views", "Models", "Platform", "SwiftUI", "UIKit", "UserNotifications", "Network"],
      path: "App"
    ),
    .target(
      name: "NotificationsChecked",
      dependencies: ["Models", "Platform", "UserNotifications"],
      path: "Notifications"
    ),
  ]
#else
  targets += [.target(name: "Views", dependencies: ["Models"])]
#endif

let package = Package(
  name: "Dunnock",
  defaultLocalization: "en",
  platforms: [.iOS(.v17), .macOS(.v14)],
  products: [
    .library(name: "Models", targets: ["Models"]),
    .library(name: "Platform", targets: ["Platform"]),
    .library(name: "Views", targets: ["Views"]),
  ],
  dependencies: [.package(path: "../bindings/swift")],
  targets: targets
)
