import Foundation

/// Where the app and its notification extension keep what they share.
public enum Place {
  /// The app group of both targets, as their entitlements name it.
  public static let group = "group.chat.dunnock"

  /// The home's folder: in the group's container, or where there is none (a test, a preview) below the user's own.
  public static func home() -> URL {
    #if canImport(Darwin)
      let shared = FileManager.default.containerURL(forSecurityApplicationGroupIdentifier: group)
    #else
      let shared: URL? = nil
    #endif
    let own = FileManager.default.urls(for: .applicationSupportDirectory, in: .userDomainMask)[0]
    let folder = (shared ?? own).appendingPathComponent("home", isDirectory: true)
    protect(folder)
    return folder
  }

  /// The JID of the app server that wakes this app, by the setting `DUNNOCK_APP_SERVER` of the build; nothing without one.
  public static func appServer() -> String? {
    Bundle.main.object(forInfoDictionaryKey: "DunnockAppServer") as? String
  }

  /// What this installation calls itself at the app server: random, made once, in no backup.
  public static func device(in folder: URL = Place.home()) -> String {
    let file = folder.deletingLastPathComponent().appendingPathComponent("device")
    if let known = try? String(contentsOf: file, encoding: .utf8), !known.isEmpty { return known }
    let made = UUID().uuidString.lowercased()
    try? FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    try? made.write(to: file, atomically: true, encoding: .utf8)
    #if os(iOS)
      var place = file
      var values = URLResourceValues()
      values.isExcludedFromBackup = true
      try? place.setResourceValues(values)
    #endif
    return made
  }

  /// Makes the folder, readable from the first unlock on: the extension has to open it behind a locked screen. It is no
  /// part of backups, its ratchets must not come back.
  private static func protect(_ folder: URL) {
    #if os(iOS)
      try? FileManager.default.createDirectory(
        at: folder, withIntermediateDirectories: true,
        attributes: [
          .protectionKey: FileProtectionType.completeUntilFirstUserAuthentication,
          .posixPermissions: 0o700,
        ])
      var folder = folder
      var values = URLResourceValues()
      values.isExcludedFromBackup = true
      try? folder.setResourceValues(values)
    #endif
  }
}
