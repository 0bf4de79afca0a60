import ArgumentParser

/// Where a daemon's settings come from.
struct SettingsOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "A JSON file with settings.",
            discussion: """
                Its keys are the long names of the flags. SHOAL_* environment variables win over \
                the file, and flags over both. Also from SHOAL_CONFIG.
                """,
            valueName: "file"
        )
    )
    var config: String?

    @Flag(help: "Print every setting with its value and where that came from, and exit.")
    var printConfig = false
}
