import Bridge

/// Where the key of the home lies. The app's lies in the Keychain; tests have one in memory.
public protocol KeyStore: Sendable {
  /// The key that was made earlier, or nothing if there never was one.
  ///
  /// It throws where there may be one that cannot be had now, before the first unlock after a start for example: then no
  /// new one may be made.
  func stored() throws -> StoreKey?

  /// Makes one and keeps it, only on this device.
  func make() throws -> StoreKey
}

/// Why a key cannot be had.
public enum KeyTrouble: Error, Equatable {
  /// The device was not unlocked since it was started.
  case locked
  /// The system's store refused, with its number.
  case refused(Int32)
}

/// A key in memory.
public struct MemoryKeys: KeyStore {
  private let key: StoreKey

  public init(_ key: StoreKey) {
    self.key = key
  }

  public func stored() -> StoreKey? { key }

  public func make() -> StoreKey { key }
}

/// A device that keeps no keys: nothing can be opened with it.
public struct NoKeys: KeyStore {
  public init() {}

  public func stored() throws -> StoreKey? { throw KeyTrouble.locked }

  public func make() throws -> StoreKey { throw KeyTrouble.locked }
}
