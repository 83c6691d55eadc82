import Models
import SwiftUI

/// The chats of the account, and how its connection stands.
struct ChatListView: View {
  private let model: ChatListModel
  private let signOut: () async -> Void
  @State private var newAddress = ""
  @State private var path: [String] = []

  init(_ model: ChatListModel, signOut: @escaping () async -> Void) {
    self.model = model
    self.signOut = signOut
  }

  var body: some View {
    NavigationStack(path: $path) {
      List {
        if let connection = model.connection { ConnectionRow(connection) }
        if let doubt = model.doubt {
          NavigationLink("What speaks against it") { DoubtView(model, doubt) }
        } else if model.isRefused {
          Button("Try again") { Task { await model.connectAgain() } }
        }
        if let tor = model.tor.line { TorView(tor) }
        if let failure = model.failure { FailureView(failure) }
        ForEach(model.rows) { row in
          NavigationLink(value: row.id) { ChatRowView(row) }
        }
        Section("New chat") {
          TextField("Address: name@server", text: $newAddress)
            .textInputAutocapitalization(.never)
            .autocorrectionDisabled()
          Button("Write") { path.append(newAddress) }.disabled(newAddress.isEmpty)
        }
        Section("This account") {
          Text(model.address).font(.footnote)
          if let words = model.route.words { Text(words).font(.footnote).foregroundStyle(.secondary) }
          NavigationLink("Way to the server") { RouteView(model.route) }
          if model.push.isWanted {
            if let words = model.push.words { Text(words).font(.footnote) }
            if let failure = model.push.failure { FailureView(failure) }
          }
          NavigationLink("Devices") { DevicesView(model.devices(of: model.address)) }
          Button("Sign out and wipe", role: .destructive) { Task { await signOut() } }
        }
      }
      .navigationTitle("Chats")
      .navigationDestination(for: String.self) { chat in
        ChatView(model.chat(with: chat), devices: model.devices(of: chat))
      }
      .task { await model.follow() }
    }
  }
}

private struct ConnectionRow: View {
  private let connection: ConnectionLine

  init(_ connection: ConnectionLine) { self.connection = connection }

  var body: some View {
    VStack(alignment: .leading, spacing: 4) {
      Label(connection.words, systemImage: connection.isOnline ? "wifi" : "wifi.slash").font(.footnote)
      if let failure = connection.failure { FailureView(failure) }
    }
  }
}

private struct ChatRowView: View {
  private let row: ChatRow

  init(_ row: ChatRow) { self.row = row }

  var body: some View {
    HStack(spacing: 12) {
      VStack(alignment: .leading, spacing: 4) {
        HStack(spacing: 4) {
          Text(row.title).font(.headline).lineLimit(1)
          SealMark(row.sealing, row.sealWords)
        }
        Text(row.preview).font(.subheadline).foregroundStyle(.secondary).lineLimit(1)
      }
      Spacer()
      VStack(alignment: .trailing, spacing: 4) {
        if let time = row.time { Text(time, style: .time).font(.caption2).foregroundStyle(.secondary) }
        if row.unread > 0 { Text("\(row.unread)").font(.caption).foregroundStyle(.tint) }
      }
    }
    .accessibilityElement(children: .ignore)
    .accessibilityLabel(row.spoken)
  }
}
