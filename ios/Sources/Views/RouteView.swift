import Models
import SwiftUI

/// The ways to a server to choose from.
struct RouteFields: View {
  @Binding var choice: RouteChoice
  @Binding var host: String
  @Binding var port: String

  var body: some View {
    Picker("Way to the server", selection: $choice) {
      ForEach(RouteChoice.allCases) { choice in Text(choice.words).tag(choice) }
    }
    Text(choice.explanation).font(.footnote).foregroundStyle(.secondary)
    if choice == .socks {
      TextField("Proxy", text: $host).textInputAutocapitalization(.never).autocorrectionDisabled()
      TextField("Port", text: $port).keyboardType(.numberPad)
    }
  }
}

/// The way of an account, and choosing another.
struct RouteView: View {
  @Bindable private var model: RouteModel

  init(_ model: RouteModel) { self.model = model }

  var body: some View {
    Form {
      Section("Now") { Text(model.words ?? "") }
      Section("Another") {
        RouteFields(choice: $model.choice, host: $model.proxyHost, port: $model.proxyPort)
        Button("Go this way") { Task { await model.choose() } }
        if let failure = model.failure { FailureView(failure) }
      }
    }
    .navigationTitle("Way to the server")
    .task { await model.load() }
  }
}
