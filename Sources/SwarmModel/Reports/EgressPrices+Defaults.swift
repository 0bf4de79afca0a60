extension EgressPrices {
    /// List prices of 2026 for the first volume tier. Bills have tiers, discounts and exceptions:
    /// these tell one design from another and are no invoice. A third label is priced as a zone.
    package static let defaults = EgressPrices(
        source: "list prices of the providers and price surveys, first volume tier; "
            + "verify before billing use",
        date: "2026-09-20",
        continents: continents,
        rules: hyperscalers + others + anyCloud
    )

    private static let continents = [
        continent(
            "North America",
            [
                "aws/us-*", "aws/ca-*", "aws/mx-*", "gcp/us-*", "gcp/northamerica-*",
                "azure/eastus*", "azure/westus*", "azure/centralus*", "azure/northcentralus",
                "azure/southcentralus", "azure/westcentralus", "azure/canada*", "azure/mexico*",
            ]
        ),
        continent(
            "South America",
            [
                "aws/sa-*", "gcp/southamerica-*", "azure/brazil*", "azure/chile*",
            ]
        ),
        continent(
            "Europe",
            [
                "aws/eu-*", "gcp/europe-*", "azure/northeurope", "azure/westeurope", "azure/uk*",
                "azure/france*", "azure/germany*", "azure/norway*", "azure/sweden*",
                "azure/switzerland*", "azure/italy*", "azure/poland*", "azure/spain*",
            ]
        ),
        continent(
            "Asia",
            [
                "aws/ap-*", "gcp/asia-*", "azure/eastasia", "azure/southeastasia", "azure/japan*",
                "azure/korea*", "azure/centralindia", "azure/southindia", "azure/westindia",
            ]
        ),
        continent(
            "Middle East and Africa",
            [
                "aws/me-*", "aws/il-*", "aws/af-*", "gcp/me-*", "gcp/africa-*", "azure/uae*",
                "azure/qatar*", "azure/israel*", "azure/southafrica*",
            ]
        ),
        continent(
            "Australia",
            [
                "gcp/australia-*", "azure/australia*", "azure/newzealand*",
            ]
        ),
    ]

    private static let hyperscalers = [
        rule("aws", .rack, usd: 0),
        rule(
            "aws",
            .region,
            kind: .origin,
            usd: 0,
            source: "S3 to EC2 in one region is free; usage.ai",
            "2026-06-02"
        ),
        rule(
            "aws",
            .region,
            usd: 0.02,
            source: "0.01 in each direction across zones; usage.ai",
            "2026-06-02"
        ),
        rule("aws", .cloud, usd: 0.02, source: "leanopstech, finopsforge", "2026-04-27"),
        rule(
            "aws",
            .otherContinent,
            usd: 0.05,
            source: "0.02 to 0.08 by region; leanopstech",
            "2026-04-27"
        ),
        rule(
            "aws",
            .otherCloud,
            usd: 0.09,
            source: "first 10 TB of a month; usage.ai",
            "2026-06-02"
        ),
        rule("gcp", .rack, usd: 0),
        rule(
            "gcp",
            .region,
            usd: 0.01,
            source: "cloud.google.com/vpc/network-pricing",
            "2026-09-20"
        ),
        rule(
            "gcp",
            .cloud,
            usd: 0.02,
            source: "cloud.google.com/vpc/network-pricing",
            "2026-09-20"
        ),
        rule(
            "gcp",
            .otherContinent,
            usd: 0.05,
            source: "0.02 to 0.08 between continents; brainagents.ai",
            "2026-09-20"
        ),
        rule(
            "gcp",
            .otherCloud,
            usd: 0.12,
            source: "premium tier, first TiB; egresscost.com",
            "2026-04"
        ),
        rule("azure", .rack, usd: 0),
        rule(
            "azure",
            .region,
            usd: 0,
            source: "across zones; sources conflict; lucidity.cloud",
            "2026-01"
        ),
        rule(
            "azure",
            .cloud,
            usd: 0.02,
            source: "North America and Europe; cloudcalcep",
            "2026-01"
        ),
        rule("azure", .otherContinent, usd: 0.05, source: "cloudcalcep", "2026-01"),
        rule(
            "azure",
            .otherCloud,
            usd: 0.087,
            source: "first 10 TB of a month; cloudcalcep",
            "2026-01"
        ),
    ]

    private static let others = [
        rule("oci", .rack, usd: 0),
        rule("oci", .region, usd: 0),
        rule(
            "oci",
            .otherCloud,
            usd: 0.0085,
            source: "past the free 10 TB of a month; legalclarity",
            "2026-09-20"
        ),
        rule(
            "coreweave",
            usd: 0,
            source: "docs.coreweave.com/docs/pricing/pricing-storage",
            "2026-09-20"
        ),
        rule(
            "nebius",
            .otherCloud,
            kind: .origin,
            usd: 0.015,
            source: "object storage; thundercompute",
            "2026-06-01"
        ),
        rule("nebius", usd: 0, source: "thundercompute", "2026-06-01"),
        rule(
            "vast",
            .otherCloud,
            usd: 0.06,
            source: "0 to 0.06 by host; thundercompute",
            "2026-06-01"
        ),
        rule("vast", usd: 0, source: "thundercompute", "2026-06-01"),
        rule("r2", usd: 0, source: "Cloudflare R2, requests are billed; algeriatech", "2026-09-20"),
        rule("b2", usd: 0.01, source: "Backblaze B2; jsperl.tech", "2026-09-20"),
        rule("huggingface", usd: 0, source: "rate limited instead", "2026-09-20"),
    ]

    /// Clouds that are not listed.
    private static let anyCloud = [
        rule(nil, .rack, usd: 0, source: "any other cloud"),
        rule(nil, .region, usd: 0, source: "any other cloud"),
        rule(nil, .cloud, usd: 0.02, source: "any other cloud"),
        rule(nil, .otherContinent, usd: 0.05, source: "any other cloud"),
        rule(nil, .otherCloud, usd: 0.09, source: "any other cloud: as the largest"),
    ]

    private static func continent(_ name: String, _ regions: [String]) -> Continent {
        Continent(name: name, regions: regions.map { pattern($0) })
    }

    private static func rule(
        _ from: String?,
        _ level: PriceLevel? = nil,
        kind: SourceKind? = nil,
        usd usdPerGB: Double,
        source: String? = nil,
        _ date: String? = nil
    ) -> Rule {
        Rule(
            from: from.map { pattern($0) },
            level: level,
            kind: kind,
            usdPerGB: usdPerGB,
            source: source,
            date: date
        )
    }

    private static func pattern(_ text: String) -> DomainPattern {
        do {
            return try DomainPattern(text)
        } catch {
            preconditionFailure("the built-in pattern '\(text)' \(error)")
        }
    }
}
