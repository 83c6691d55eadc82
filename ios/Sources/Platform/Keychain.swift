#if canImport(Security)
  import Bridge
  import Foundation
  import Models
  import Security

  /// The home's key in the Keychain: readable after the first unlock since a start, never on another device, in no backup.
  /// The app and its notification extension share it by their access group.
  public struct Keychain: KeyStore {
    private let service = "chat.dunnock.store-key"
    private let accessGroup: String?

    public init(accessGroup: String? = nil) {
      self.accessGroup = accessGroup
    }

    public func stored() throws -> StoreKey? {
      var query = item
      query[kSecReturnData as String] = true
      query[kSecMatchLimit as String] = kSecMatchLimitOne
      var found: CFTypeRef?
      let status = SecItemCopyMatching(query as CFDictionary, &found)
      switch status {
      case errSecSuccess:
        guard let data = found as? Data, let key = StoreKey(data) else { throw KeyTrouble.refused(errSecDecode) }
        return key
      case errSecItemNotFound: return nil
      // It may be there all the same: a new one must not be made.
      case errSecInteractionNotAllowed: throw KeyTrouble.locked
      default: throw KeyTrouble.refused(status)
      }
    }

    public func make() throws -> StoreKey {
      var bytes = [UInt8](repeating: 0, count: 32)
      let status = SecRandomCopyBytes(kSecRandomDefault, bytes.count, &bytes)
      guard status == errSecSuccess, let key = StoreKey(bytes) else { throw KeyTrouble.refused(status) }
      var attributes = item
      attributes[kSecValueData as String] = key.bytes
      attributes[kSecAttrAccessible as String] = kSecAttrAccessibleAfterFirstUnlockThisDeviceOnly
      let added = SecItemAdd(attributes as CFDictionary, nil)
      // The extension may have been faster: then its key is the one.
      if added == errSecDuplicateItem, let other = try stored() { return other }
      guard added == errSecSuccess else { throw KeyTrouble.refused(added) }
      return key
    }

    private var item: [String: Any] {
      var item: [String: Any] = [
        kSecClass as String: kSecClassGenericPassword,
        kSecAttrService as String: service,
        kSecAttrAccount as String: "home",
        kSecUseDataProtectionKeychain as String: true,
      ]
      if let accessGroup { item[kSecAttrAccessGroup as String] = accessGroup }
      return item
    }
  }
#endif
