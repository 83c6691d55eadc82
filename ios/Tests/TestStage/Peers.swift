import Foundation

/// Clients that are not ours, run beside the server: one line of JSON asks for something, one line answers.
public actor Peers {
  public static let here = Peers()

  private let input: FileHandle
  private let output: FileHandle
  private let queue = DispatchQueue(label: "peers")

  private init() {
    let environment = ProcessInfo.processInfo.environment
    guard let input = environment["DUNNOCK_SERVER_IN"].flatMap({ FileHandle(forWritingAtPath: $0) }),
      let output = environment["DUNNOCK_SERVER_OUT"].flatMap({ FileHandle(forReadingAtPath: $0) })
    else { fatalError("these tests need a server: cargo xtask test --only swift") }
    (self.input, self.output) = (input, output)
  }

  /// Why something was not done.
  public struct Refusal: Error {
    public let answer: String
  }

  /// Starts a client that speaks this version of OMEMO only (`0.3` or `2`); hands back its address.
  public func start(_ user: String, version: String) async throws -> String {
    _ = try await ask(["do": "account", "user": user])
    let answer = try await ask(["do": "peer", "user": user, "version": version])
    return answer["jid"] as? String ?? ""
  }

  /// Lets the client say something, sealed.
  public func says(_ user: String, to address: String, _ text: String) async throws {
    _ = try await ask(["do": "says", "user": user, "to": address, "body": text])
  }

  /// Waits until the client has read this; hands back the version that it was sealed in.
  public func sees(_ user: String, _ text: String) async throws -> String {
    let answer = try await ask(["do": "sees", "user": user, "body": text])
    return answer["version"] as? String ?? ""
  }

  /// Whether no client has sent this text in clear.
  public func neverSent(_ text: String) async throws -> Bool {
    try await ask(["do": "never_sent", "text": text])["held"] as? Bool ?? false
  }

  /// Puts an app server in the place of the one before: `right`, `silent` or `other_jid`; hands back its address.
  public func startAppServer(_ manner: String) async throws -> String {
    try await ask(["do": "app_server", "manner": manner])["jid"] as? String ?? ""
  }

  /// Waits until somebody took a registration back from the app server.
  public func unregistered() async throws {
    _ = try await ask(["do": "unregistered"])
  }

  private func ask(_ command: [String: String]) async throws -> [String: Any] {
    let line = try JSONSerialization.data(withJSONObject: command) + Data([0x0A])
    let (input, output) = (input, output)
    // Answers come in the order of questions, and a pipe is waited for on a thread that may wait.
    let answer: Data = try await withCheckedThrowingContinuation { done in
      queue.async {
        do {
          try input.write(contentsOf: line)
          var answer = Data()
          while let byte = try output.read(upToCount: 1), byte != Data([0x0A]) { answer += byte }
          done.resume(returning: answer)
        } catch {
          done.resume(throwing: error)
        }
      }
    }
    let object = try JSONSerialization.jsonObject(with: answer) as? [String: Any] ?? [:]
    if object["failed"] != nil { throw Refusal(answer: String(decoding: answer, as: UTF8.self)) }
    return object
  }
}
