import Models
import SwiftUI

/// The devices of a person, or one's own, with their fingerprints.
struct DevicesView: View {
  @State private var model: DevicesModel

  init(_ model: DevicesModel) { _model = State(initialValue: model) }

  var body: some View {
    List {
      Section {
        Text("Compare the fingerprint with the one that the other device shows, by another way than this chat.")
          .font(.footnote)
          .foregroundStyle(.secondary)
        if let failure = model.failure { FailureView(failure) }
      }
      ForEach(model.rows) { row in
        Section { DeviceRowView(row, model) }
      }
    }
    .navigationTitle(model.title)
    .task { await model.follow() }
  }
}

private struct DeviceRowView: View {
  private let row: DeviceRow
  private let model: DevicesModel

  init(_ row: DeviceRow, _ model: DevicesModel) {
    self.row = row
    self.model = model
  }

  var body: some View {
    VStack(alignment: .leading, spacing: 8) {
      Text(row.fingerprint ?? "Its key is not known yet").font(.body.monospaced()).textSelection(.enabled)
      Text(row.trustWords).font(.footnote).foregroundStyle(row.trust == .distrusted ? Color.red : Color.secondary)
      if row.canDecide {
        HStack(spacing: 16) {
          Button("It is the same") { Task { await model.verify(row) } }.disabled(row.trust == .verified)
          Button("Reject", role: .destructive) { Task { await model.reject(row) } }
            .disabled(row.trust == .distrusted)
        }
        .buttonStyle(.borderless)
      }
    }
  }
}
