internal import AgentEventsTokens

/// The tokens of a benchmark, which were signed once and for all: the private halves of their keys are nowhere. They are valid
/// for the day that begins at ``issuedAt``.
enum BenchTokens {
    /// In seconds since 1970.
    static let issuedAt: Int64 = 1_800_000_000
    static let audience = "bench"

    /// A token, and the algorithm that it is signed with.
    static let signed: [(algorithm: TokenAlgorithm, token: String)] = [
        (
            .rs256,
            "eyJhbGciOiJSUzI1NiIsImtpZCI6InJzMjU2IiwidHlwIjoiSldUIn0.eyJzdWIiOiJ1X2JlbmNoIiwiYXVkIjoiYm"
                + "VuY2giLCJqdGkiOiJqd3RfYmVuY2giLCJpYXQiOjE4MDAwMDAwMDAsImV4cCI6MTgwMDA4NjQwMCwic2NvcGUiOiJy"
                + "ZWFkIGNvbW1hbmQgb3BlbiJ9.Kk65MoO2gVfIbS4gvRMokIDo2zQKOWtXZaZcL49iqdbkvvymnGpVF4QMDM4Qp8vYV"
                + "f0neutVphK8rTUXyr6WRp490UZKqCLXo01D5dyG_jgAte7in5mkwQR4shi9TbFiRre_xeuFiFehs2Iexq16ehDqkoh"
                + "NNKtOVVbXcQXgYCQ_gh8lzJTAgVcTvACSC1E3fu9WhHVjDcRInYae71xtrZvpZ0GxGNb_OVBOCPRbLYxPnCGVc2IvL"
                + "O1rATZJoGInRtczeSgaPU2So0jxA3XJHE1SZOg9IBzzw3mzZCkec7Y-wZX5r15cC3YSi5Nynkc3sJ3sWa8h6UEBt5L"
                + "gdWr7kQ"
        ),
        (
            .es256,
            "eyJhbGciOiJFUzI1NiIsImtpZCI6ImVzMjU2IiwidHlwIjoiSldUIn0.eyJzdWIiOiJ1X2JlbmNoIiwiYXVkIjoiYm"
                + "VuY2giLCJqdGkiOiJqd3RfYmVuY2giLCJpYXQiOjE4MDAwMDAwMDAsImV4cCI6MTgwMDA4NjQwMCwic2NvcGUiOiJy"
                + "ZWFkIGNvbW1hbmQgb3BlbiJ9.iSkMx40SjOA8lK1DmLMKkdqaZAtKYA3Fkx02D9z1jk-ZeMV1hzc3AwTL-hUuM_8xl"
                + "nXSEHLRngWlA7K4V52ozA"
        ),
        (
            .edDSA,
            "eyJhbGciOiJFZERTQSIsImtpZCI6ImVkZHNhIiwidHlwIjoiSldUIn0.eyJzdWIiOiJ1X2JlbmNoIiwiYXVkIjoiYm"
                + "VuY2giLCJqdGkiOiJqd3RfYmVuY2giLCJpYXQiOjE4MDAwMDAwMDAsImV4cCI6MTgwMDA4NjQwMCwic2NvcGUiOiJy"
                + "ZWFkIGNvbW1hbmQgb3BlbiJ9.wkTErtJCtAa8pePlFevMyP13MDTYN7v47pQ5oiqwDzk3lib3SI0oerwP3JvIoRpli"
                + "UGraf2q-Q7GK9s95oiaAQ"
        ),
    ]

    /// The public halves, as a JWK set.
    static let keySet = """
        {"keys":[{"kty":"RSA","n":"xOg16q0xtg_KVo0hq_Li7eGuI-5MiDuGryrbm7bL0yI445xNToflpSCmf_0V8gQtlq5LIqzxn\
        QLhsqFWuV2_weeBuPR2r37o2wGFbN5WD8QtKK6iUWp38j4tubcIiWja7n8TdFllJxyuaakYeMj_5zlvKI_im-RP0UOGukcwRwyeB\
        aD1R_lJ9_Fdq6r-VxDu1LePycD6k1R7nWEuL0hTdCsjyqcaBVLRX9RkVTTJVYuFPKf0m0N4KisRLsgJKgSJmMtIv15sSzLL8DyrT\
        0JPdaWE391byTJaxSRfny-KnyHD99jFC6SrfSp_zVhkaB2GkV23GUGTp-j8A95ejJIK1w","e":"AQAB","kid":"rs256","alg\
        ":"RS256"},{"kty":"EC","crv":"P-256","x":"oLINX9fyeNd0x5r9DWDyshEytSMo7phopWJSK7gmzEE","y":"J6MZrZkU\
        2yeWLxPmm6zNTvR3szz-EKilNGLx9AaaaN0","kid":"es256","alg":"ES256"},{"x":"yu-V4kj7hLYsA4JCHfSudP4Grhp1\
        gwXja70mJ37IpYA","kty":"OKP","crv":"Ed25519","kid":"eddsa","alg":"EdDSA"}]}
        """
}
