import Models

/// Where this device keeps the key of the home.
public enum Keys {
  /// The Keychain; where there is none (the check on Linux) nothing can be opened.
  public static func ofThisDevice() -> any KeyStore {
    #if canImport(Security)
      Keychain()
    #else
      NoKeys()
    #endif
  }
}
