// Names and types of the part of Network that the app uses, for the compiler on Linux.

import Dispatch

public struct NWPath: Equatable, Sendable {}

public final class NWPathMonitor: @unchecked Sendable {
  public init() {}
  public var pathUpdateHandler: (@Sendable (NWPath) -> Void)?
  public func start(queue: DispatchQueue) {}
}
