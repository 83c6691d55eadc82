import DunnockCore

/// Why something did not work, ready to be shown: what it is about, why it happens, and what the person can do.
public struct Failure: Error, Equatable, Sendable {
  /// What went wrong; the app branches on it.
  public let kind: ErrorKind
  /// The thing it is about (a host, an address), or nothing. Personal: it is shown and never logged.
  public let subject: String

  public init(_ kind: ErrorKind, about subject: String = "") {
    self.kind = kind
    self.subject = subject
  }

  /// What a call of the core threw. Anything else cannot be: the core throws nothing else.
  init(_ error: any Error) {
    switch error {
    case let failure as Failure: self = failure
    case DunnockError.Failed(let kind, let subject, _): self.init(kind, about: subject)
    default: self.init(.internal)
    }
  }

  /// The failure that a row or a connection names by its code; one of a newer core is told as the core's own defect.
  public init(code: String, about subject: String = "") {
    self.init(ErrorKind.allCases.first { errorCode(kind: $0) == code } ?? .internal, about: subject)
  }

  /// Why it happens, beginning with what it is about.
  public var cause: String {
    subject.isEmpty ? errorCause(kind: kind) : "\(subject): \(errorCause(kind: kind))"
  }

  /// What the person can do about it.
  public var remedy: String { errorRemedy(kind: kind) }
}

/// Runs a call of the core; what it throws becomes a ``Failure``.
func failing<T>(_ call: () async throws -> T) async throws(Failure) -> T {
  do {
    return try await call()
  } catch {
    throw Failure(error)
  }
}
