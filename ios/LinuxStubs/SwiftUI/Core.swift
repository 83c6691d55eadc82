// Names and types of the part of SwiftUI that Dunnock uses, for the compiler on Linux. Nothing here does anything.
// Each is as narrow as Apple's documentation has it, so that what type-checks here has a good chance to do so there.

import Foundation
import UIKit

@MainActor @preconcurrency public protocol View {
  associatedtype Body: View
  @ViewBuilder var body: Body { get }
}

extension Never: View {
  public var body: Never { fatalError("nothing is drawn here") }
}

/// A view without one of its own.
public protocol Stub: View where Body == Never {}
extension Stub {
  public var body: Never { fatalError("nothing is drawn here") }
}

public struct EmptyView: Stub {
  nonisolated public init() {}
}

public struct Group<Content: View>: Stub {
  public init(@ViewBuilder content: () -> Content) {}
}

public struct Tuple<each Content: View>: Stub {
  nonisolated static func of() -> Self { Self(made: ()) }
  nonisolated private init(made: Void) {}
}

public enum Either<First: View, Second: View>: Stub {
  case first(First)
  case second(Second)
}

extension Optional: View where Wrapped: View {
  public var body: Never { fatalError("nothing is drawn here") }
}

@resultBuilder public enum ViewBuilder {
  public static func buildBlock() -> EmptyView { EmptyView() }
  public static func buildBlock<Content: View>(_ content: Content) -> Content { content }
  public static func buildBlock<each Content: View>(_ content: repeat each Content) -> Tuple<repeat each Content> {
    Tuple.of()
  }
  public static func buildExpression<Content: View>(_ content: Content) -> Content { content }
  public static func buildIf<Content: View>(_ content: Content?) -> Content? { content }
  public static func buildEither<A: View, B: View>(first: A) -> Either<A, B> { .first(first) }
  public static func buildEither<A: View, B: View>(second: B) -> Either<A, B> { .second(second) }
}

@propertyWrapper public struct State<Value> {
  public init(wrappedValue: Value) { value = Box(wrappedValue) }
  public init(initialValue: Value) { value = Box(initialValue) }
  public var wrappedValue: Value {
    get { value.value }
    nonmutating set { value.value = newValue }
  }
  public var projectedValue: Binding<Value> { Binding(get: { value.value }, set: { value.value = $0 }) }
  private let value: Box<Value>
}

final class Box<Value> {
  var value: Value
  init(_ value: Value) { self.value = value }
}

@propertyWrapper @dynamicMemberLookup public struct Binding<Value> {
  private let get: () -> Value
  private let set: (Value) -> Void
  public init(get: @escaping () -> Value, set: @escaping (Value) -> Void) {
    self.get = get
    self.set = set
  }
  public var wrappedValue: Value {
    get { get() }
    nonmutating set { set(newValue) }
  }
  public var projectedValue: Binding<Value> { self }
  public subscript<Member>(dynamicMember path: WritableKeyPath<Value, Member>) -> Binding<Member> {
    Binding<Member>(get: { get()[keyPath: path] }, set: { _ in })
  }
}

@propertyWrapper @dynamicMemberLookup public struct Bindable<Model: AnyObject> {
  public init(wrappedValue: Model) { self.wrappedValue = wrappedValue }
  public var wrappedValue: Model
  public var projectedValue: Bindable<Model> { self }
  public subscript<Member>(dynamicMember path: ReferenceWritableKeyPath<Model, Member>) -> Binding<Member> {
    let model = wrappedValue
    return Binding(get: { model[keyPath: path] }, set: { model[keyPath: path] = $0 })
  }
}

@propertyWrapper public struct Environment<Value> {
  private let path: KeyPath<EnvironmentValues, Value>
  public init(_ path: KeyPath<EnvironmentValues, Value>) { self.path = path }
  public var wrappedValue: Value { EnvironmentValues()[keyPath: path] }
}

@MainActor @propertyWrapper public struct UIApplicationDelegateAdaptor<Delegate: NSObject & UIApplicationDelegate> {
  public init(_ type: Delegate.Type) {}
  public var wrappedValue: Delegate { fatalError("nothing runs here") }
}

public struct EnvironmentValues {
  public var scenePhase: ScenePhase { .active }
}

public enum ScenePhase: Comparable, Sendable {
  case background, inactive, active
}

@MainActor @preconcurrency public protocol Scene {
  associatedtype Body: Scene
  @SceneBuilder var body: Body { get }
}

extension Never: Scene {}

@resultBuilder public enum SceneBuilder {
  public static func buildBlock<Content: Scene>(_ content: Content) -> Content { content }
}

@MainActor @preconcurrency public protocol App {
  associatedtype Body: Scene
  @SceneBuilder var body: Body { get }
  init()
}

extension App {
  public static func main() {}
}

public struct WindowGroup<Content: View>: Scene {
  public init(@ViewBuilder content: () -> Content) {}
  public var body: Never { fatalError("nothing is drawn here") }
}

extension Scene {
  public func onChange<Value: Equatable>(
    of value: Value, initial: Bool = false, _ action: @escaping (Value, Value) -> Void
  ) -> some Scene { self }
}
