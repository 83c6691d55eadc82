import Foundation

public struct Text: Stub {
  public enum DateStyle { case time, date, relative }
  public init(_ content: some StringProtocol) {}
  public init(_ date: Date, style: DateStyle) {}
  public func font(_ font: Font?) -> Text { self }
}

public struct Image: Stub {
  public init(systemName: String) {}
}

public struct Label<Title: View, Icon: View>: Stub {}
extension Label where Title == Text, Icon == Image {
  public init(_ title: some StringProtocol, systemImage: String) {}
}

public struct ProgressView: Stub {
  public init(_ title: some StringProtocol) {}
  public init<Value: BinaryFloatingPoint>(_ title: some StringProtocol, value: Value?, total: Value = 1.0) {}
}

public struct ButtonRole: Equatable, Sendable {
  public static let destructive = ButtonRole()
}

public struct Button<Content: View>: Stub {
  public init(role: ButtonRole? = nil, action: @escaping @MainActor () -> Void, @ViewBuilder label: () -> Content) {}
}
extension Button where Content == Text {
  public init(_ title: some StringProtocol, role: ButtonRole? = nil, action: @escaping @MainActor () -> Void) {}
}

public struct TextField: Stub {
  public init(_ title: some StringProtocol, text: Binding<String>) {}
  public init(_ title: some StringProtocol, text: Binding<String>, axis: Axis) {}
}

public struct SecureField: Stub {
  public init(_ title: some StringProtocol, text: Binding<String>) {}
}

public struct Toggle: Stub {
  public init(_ title: some StringProtocol, isOn: Binding<Bool>) {}
}

public struct Picker<Selection: Hashable, Content: View>: Stub {
  public init(_ title: some StringProtocol, selection: Binding<Selection>, @ViewBuilder content: () -> Content) {}
}

public struct Spacer: Stub {
  public init() {}
}

public enum Axis { case horizontal, vertical }
public enum HorizontalAlignment { case leading, center, trailing }
public enum VerticalAlignment { case top, center, bottom }

public struct HStack<Content: View>: Stub {
  public init(alignment: VerticalAlignment = .center, spacing: Double? = nil, @ViewBuilder content: () -> Content) {}
}

public struct VStack<Content: View>: Stub {
  public init(alignment: HorizontalAlignment = .center, spacing: Double? = nil, @ViewBuilder content: () -> Content) {}
}

public struct LazyVStack<Content: View>: Stub {
  public init(alignment: HorizontalAlignment = .center, spacing: Double? = nil, @ViewBuilder content: () -> Content) {}
}

public struct ScrollView<Content: View>: Stub {
  public init(@ViewBuilder content: () -> Content) {}
}

public struct List<Content: View>: Stub {
  public init(@ViewBuilder content: () -> Content) {}
}

public struct Form<Content: View>: Stub {
  public init(@ViewBuilder content: () -> Content) {}
}

public struct Section<Content: View>: Stub {
  public init(@ViewBuilder content: () -> Content) {}
  public init(_ title: some StringProtocol, @ViewBuilder content: () -> Content) {}
}

public struct ForEach<Data: RandomAccessCollection, Content: View>: Stub where Data.Element: Identifiable {
  public init(_ data: Data, @ViewBuilder content: @escaping (Data.Element) -> Content) {}
}

public struct NavigationStack<Content: View>: Stub {
  public init(@ViewBuilder root: () -> Content) {}
  public init<Path: MutableCollection & RandomAccessCollection & RangeReplaceableCollection>(
    path: Binding<Path>, @ViewBuilder root: () -> Content
  ) where Path.Element: Hashable {}
}

public struct NavigationLink<Content: View, Destination: View>: Stub {
  public init(@ViewBuilder destination: () -> Destination, @ViewBuilder label: () -> Content) {}
}
extension NavigationLink where Content == Text {
  public init(_ title: some StringProtocol, @ViewBuilder destination: () -> Destination) {}
}
extension NavigationLink where Destination == Never {
  public init<Value: Hashable>(value: Value?, @ViewBuilder label: () -> Content) {}
}

public struct ToolbarItemPlacement: Sendable {
  public static let primaryAction = ToolbarItemPlacement()
}

public struct ToolbarItem<Content: View>: Stub {
  public init(placement: ToolbarItemPlacement, @ViewBuilder content: () -> Content) {}
}
