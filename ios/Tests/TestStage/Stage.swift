import DunnockCore
import Foundation

/// The surroundings of these tests: a private server, started by `cargo xtask test` and named in the environment.
public struct Stage: Sendable {
  public static let domain = "verona.test"
  public static let password = "Wherefore art thou 7?"

  /// Where the server listens for STARTTLS.
  public let port: UInt16
  /// The only authority to trust, PEM.
  public let authority: String

  /// The server of this run.
  public static let here = Stage()

  private init() {
    let environment = ProcessInfo.processInfo.environment
    guard let place = environment["DUNNOCK_SERVER"].flatMap({ FileManager.default.contents(atPath: $0) }),
      let object = try? JSONSerialization.jsonObject(with: place) as? [String: Any],
      let port = object["port"] as? Int, let path = environment["DUNNOCK_CA"],
      let authority = try? String(contentsOfFile: path, encoding: .utf8)
    else { fatalError("these tests need a server: cargo xtask test --only swift") }
    (self.port, self.authority) = (UInt16(port), authority)
  }

  /// An account of this server that nobody else uses.
  public func newAddress(_ name: String) -> String {
    "\(name)-\(UUID().uuidString.lowercased())@\(Self.domain)"
  }

  /// What it takes to make or add this account.
  public func account(_ address: String, password: String? = Stage.password) -> NewAccount {
    NewAccount(
      jid: address, password: password, host: "127.0.0.1", port: port, tls: .auto, ca: authority, route: .direct)
  }
}

/// A folder that is gone with this value.
public final class Scratch: Sendable {
  public let path: String

  public init() {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    path = folder.path
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// The files below this folder that this process has open, by what the system says of its descriptors.
  public func openFiles() -> [String] {
    let folder = "/proc/self/fd"
    let numbers = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    let targets = numbers.compactMap { try? FileManager.default.destinationOfSymbolicLink(atPath: "\(folder)/\($0)") }
    return targets.filter { $0.hasPrefix(path) }
  }

  /// How many of the files below this folder any process has locked.
  public func locks() -> Int {
    let table = (try? String(contentsOfFile: "/proc/locks", encoding: .utf8)) ?? ""
    let locked = Set(table.split(separator: "\n").compactMap { $0.split(separator: " ").dropFirst(5).first })
    let files = FileManager.default.enumerator(atPath: path)?.compactMap { $0 as? String } ?? []
    let inodes = files.compactMap { file -> Int? in
      let attributes = try? FileManager.default.attributesOfItem(atPath: "\(path)/\(file)")
      return (attributes?[.systemFileNumber] as? NSNumber)?.intValue
    }
    return inodes.count { inode in locked.contains { $0.hasSuffix(":\(inode)") } }
  }
}

/// A key of 32 equal bytes.
public func key(_ byte: UInt8 = 7) -> Data { Data(repeating: byte, count: 32) }
