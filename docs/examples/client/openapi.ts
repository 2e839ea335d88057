// Made from /openapi.json by `npm run types`. Do not edit.
export interface paths {
    "/.well-known/oauth-protected-resource": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Protected-resource metadata (RFC 9728); the path of a resource may follow: /v1, /proxy/{provider} */
        get: operations["resourceMetadata"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/hooks/backchannel-logout": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** OpenID Connect Back-Channel Logout: delete what is cached for the user */
        post: operations["backchannelLogout"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/proxy/{provider}/{path}": {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description The account, if the user has several: connection, or connection|user id at the provider
                 * @example github|583231
                 */
                "Idp-Account"?: components["parameters"]["IdpAccount"];
                /** @description problem: every error of the provider becomes a problem */
                "Idp-Errors"?: components["parameters"]["IdpErrors"];
            };
            path: {
                /**
                 * @description A provider of the gateway's configuration
                 * @example github
                 */
                provider: components["parameters"]["Provider"];
                /** @description The complete path at the provider's host; start with ~host/ for another host of the provider */
                path: string;
            };
            cookie?: never;
        };
        /** Call the provider's API */
        get: operations["getProxied"];
        /** Call the provider's API */
        put: operations["putProxied"];
        /** Call the provider's API */
        post: operations["postProxied"];
        /** Call the provider's API */
        delete: operations["deleteProxied"];
        options?: never;
        head?: never;
        /** Call the provider's API */
        patch: operations["patchProxied"];
        trace?: never;
    };
    "/v1/check": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Whether a call would be allowed, and why. The call is not made, and does not count for `quotas`; it has a limit of its own */
        post: operations["check"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/explain/{request-id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Why a call of this caller ended as it did */
        get: operations["explain"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/me": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Who the caller is and which accounts are usable */
        get: operations["listAccounts"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/me/{provider}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Revoke the grant at the provider if possible, and delete it here */
        delete: operations["disconnect"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/me/{provider}/connect": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** A link that connects an account, connects it again, or adds scopes (with [connect]) */
        post: operations["connect"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/me/{provider}/profile": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The user's profile at the provider, in OpenID Connect claims */
        get: operations["getProfile"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /** @enum {string} */
        Code: "ok" | "caller-token-missing" | "caller-token-invalid" | "caller-token-expired" | "caller-token-opaque" | "dpop-proof-invalid" | "caller-scope-missing" | "caller-not-a-user" | "caller-not-allowed" | "user-blocked" | "user-unknown" | "policy-denied" | "unknown-provider" | "bad-path" | "host-not-allowed" | "account-ambiguous" | "account-not-connected" | "reconnect-required" | "provider-scope-missing" | "provider-denied" | "provider-rate-limited" | "provider-error" | "provider-unreachable" | "provider-timeout" | "provider-rejected" | "provider-misconfigured" | "tenant-rate-limited" | "tenant-unavailable" | "tenant-misconfigured" | "rate-limited" | "overloaded" | "body-too-large" | "headers-too-large" | "uri-too-long" | "request-timeout" | "bad-request" | "caller-token-in-query" | "caller-token-in-body" | "not-found" | "method-not-allowed" | "misdirected" | "not-implemented" | "redirect-blocked" | "response-uninspectable" | "store-unavailable" | "internal-error";
        /** @description How the user connects the account: with a login at the tenant, or with the My Account API */
        Connect: {
            access_type?: string;
            authorization_endpoint: string;
            connection: string;
            connection_scope?: string;
            prompt?: string;
            /**
             * Format: uri
             * @description A page of the gateway that connects the account
             */
            url?: string;
        } | {
            connection: string;
            my_account_endpoint: string;
            scopes: string[];
            /**
             * Format: uri
             * @description A page of the gateway that connects the account
             */
            url?: string;
        };
        ConnectLink: {
            /** Format: uri */
            connect_url: string;
            /** Format: date-time */
            expires_at: string;
        };
        ConnectRequest: {
            /** @description As Idp-Account */
            account?: string;
            /**
             * Format: uri
             * @description Where the browser goes afterwards
             */
            return_to?: string;
            /** @description Scopes that are added to those of the account */
            scopes?: string[];
        };
        Disconnected: {
            detail?: string;
            forgotten: boolean;
            /** @enum {string} */
            revoked_at_provider: "yes" | "no" | "unsupported";
        };
        Explanation: {
            account?: string | null;
            /** @description Who acted for the user (`act`) */
            actors?: string[];
            attempts?: {
                millis?: number;
                outcome?: string;
                status?: number | null;
            }[];
            cache?: string | null;
            client?: string;
            /** @description Operations and root fields of a GraphQL call that a rule looked at */
            graphql?: string;
            /** @description The provider host that was called */
            host?: string;
            outcome?: components["schemas"]["Code"];
            provider?: string | null;
            request_id?: string;
            rule?: string | null;
            /** @description Scopes of the grant, where known */
            scopes?: string[];
            source?: string | null;
            /** Format: date-time */
            time?: string;
        };
        Me: {
            accounts: {
                account?: string;
                connection?: string;
                /** Format: date-time */
                expires_at?: string | null;
                provider?: string;
                refreshable?: boolean;
                scopes?: string[] | null;
                source?: string;
                /** @enum {string} */
                state?: "usable" | "expired" | "reconnect" | "unknown";
                user_id?: string | null;
            }[];
            user_id: string;
        };
        Problem: {
            accounts?: {
                account?: string;
                connection?: string;
                provider?: string;
                user_id?: string;
            }[];
            claims?: string;
            code: components["schemas"]["Code"];
            connect?: components["schemas"]["Connect"];
            connection_scope?: string;
            detail: string;
            /** Format: uri */
            documentation_url?: string;
            error: {
                code?: string;
                message?: string;
            };
            message: string;
            missing_scopes?: string[];
            provider_detail?: string;
            provider_status?: number;
            remedy: string;
            request_id: string;
            required_scopes?: string[];
            retry_after?: number;
            status: number;
            title: string;
            type: string;
        };
        Profile: {
            account: string;
            email?: string;
            email_verified?: boolean;
            family_name?: string;
            given_name?: string;
            locale?: string;
            name?: string;
            picture?: string;
            preferred_username?: string;
            profile?: string;
            provider: string;
            sub: string;
        };
        Question: {
            /** @description As Idp-Account */
            account?: string;
            /** @description What would be sent as application/json, for GraphQL */
            body?: unknown;
            method: string;
            /** @description The path after /proxy/{provider}, with its query */
            path: string;
            provider: string;
        };
        Verdict: {
            account?: string;
            /** @description Whether the call would be sent to the provider */
            allowed: boolean;
            missing_scopes?: string[];
            outcome: components["schemas"]["Code"];
            required_scopes: string[];
            rule: string | null;
            /** @enum {string} */
            state?: "usable" | "expired" | "reconnect" | "unknown";
        };
    };
    responses: {
        /** @description The gateway's own refusal */
        Problem: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
    };
    parameters: {
        /**
         * @description The account, if the user has several: connection, or connection|user id at the provider
         * @example github|583231
         */
        IdpAccount: string;
        /** @description problem: every error of the provider becomes a problem */
        IdpErrors: "passthrough" | "problem";
        /**
         * @description A provider of the gateway's configuration
         * @example github
         */
        Provider: string;
    };
    requestBodies: never;
    headers: {
        /** @description The outcome of the call */
        IdpOutcome: components["schemas"]["Code"];
        /** @description The id of this request */
        RequestId: string;
    };
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    resourceMetadata: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The metadata */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": Record<string, never>;
                };
            };
        };
    };
    backchannelLogout: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/x-www-form-urlencoded": {
                    logout_token: string;
                };
            };
        };
        responses: {
            /** @description Done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
        };
    };
    getProxied: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description The account, if the user has several: connection, or connection|user id at the provider
                 * @example github|583231
                 */
                "Idp-Account"?: components["parameters"]["IdpAccount"];
                /** @description problem: every error of the provider becomes a problem */
                "Idp-Errors"?: components["parameters"]["IdpErrors"];
            };
            path: {
                /**
                 * @description A provider of the gateway's configuration
                 * @example github
                 */
                provider: components["parameters"]["Provider"];
                /** @description The complete path at the provider's host; start with ~host/ for another host of the provider */
                path: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The provider's answer, or a problem of the gateway; Idp-Outcome has the outcome of the call */
            default: {
                headers: {
                    "Idp-Outcome": components["headers"]["IdpOutcome"];
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "*/*": unknown;
                    "application/json": unknown;
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    putProxied: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description The account, if the user has several: connection, or connection|user id at the provider
                 * @example github|583231
                 */
                "Idp-Account"?: components["parameters"]["IdpAccount"];
                /** @description problem: every error of the provider becomes a problem */
                "Idp-Errors"?: components["parameters"]["IdpErrors"];
            };
            path: {
                /**
                 * @description A provider of the gateway's configuration
                 * @example github
                 */
                provider: components["parameters"]["Provider"];
                /** @description The complete path at the provider's host; start with ~host/ for another host of the provider */
                path: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The provider's answer, or a problem of the gateway; Idp-Outcome has the outcome of the call */
            default: {
                headers: {
                    "Idp-Outcome": components["headers"]["IdpOutcome"];
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "*/*": unknown;
                    "application/json": unknown;
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    postProxied: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description The account, if the user has several: connection, or connection|user id at the provider
                 * @example github|583231
                 */
                "Idp-Account"?: components["parameters"]["IdpAccount"];
                /** @description problem: every error of the provider becomes a problem */
                "Idp-Errors"?: components["parameters"]["IdpErrors"];
            };
            path: {
                /**
                 * @description A provider of the gateway's configuration
                 * @example github
                 */
                provider: components["parameters"]["Provider"];
                /** @description The complete path at the provider's host; start with ~host/ for another host of the provider */
                path: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The provider's answer, or a problem of the gateway; Idp-Outcome has the outcome of the call */
            default: {
                headers: {
                    "Idp-Outcome": components["headers"]["IdpOutcome"];
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "*/*": unknown;
                    "application/json": unknown;
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    deleteProxied: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description The account, if the user has several: connection, or connection|user id at the provider
                 * @example github|583231
                 */
                "Idp-Account"?: components["parameters"]["IdpAccount"];
                /** @description problem: every error of the provider becomes a problem */
                "Idp-Errors"?: components["parameters"]["IdpErrors"];
            };
            path: {
                /**
                 * @description A provider of the gateway's configuration
                 * @example github
                 */
                provider: components["parameters"]["Provider"];
                /** @description The complete path at the provider's host; start with ~host/ for another host of the provider */
                path: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The provider's answer, or a problem of the gateway; Idp-Outcome has the outcome of the call */
            default: {
                headers: {
                    "Idp-Outcome": components["headers"]["IdpOutcome"];
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "*/*": unknown;
                    "application/json": unknown;
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    patchProxied: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description The account, if the user has several: connection, or connection|user id at the provider
                 * @example github|583231
                 */
                "Idp-Account"?: components["parameters"]["IdpAccount"];
                /** @description problem: every error of the provider becomes a problem */
                "Idp-Errors"?: components["parameters"]["IdpErrors"];
            };
            path: {
                /**
                 * @description A provider of the gateway's configuration
                 * @example github
                 */
                provider: components["parameters"]["Provider"];
                /** @description The complete path at the provider's host; start with ~host/ for another host of the provider */
                path: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The provider's answer, or a problem of the gateway; Idp-Outcome has the outcome of the call */
            default: {
                headers: {
                    "Idp-Outcome": components["headers"]["IdpOutcome"];
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "*/*": unknown;
                    "application/json": unknown;
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    check: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "method": "GET",
                 *       "path": "/user",
                 *       "provider": "github"
                 *     }
                 */
                "application/json": components["schemas"]["Question"];
            };
        };
        responses: {
            /** @description The decision */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Verdict"];
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
        };
    };
    explain: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The X-Request-Id of the call */
                "request-id": string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Account, source, rule, attempts, outcome */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Explanation"];
                };
            };
            401: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
        };
    };
    listAccounts: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The accounts; never a token */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Me"];
                };
            };
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            429: components["responses"]["Problem"];
            503: components["responses"]["Problem"];
        };
    };
    disconnect: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description The account, if the user has several: connection, or connection|user id at the provider
                 * @example github|583231
                 */
                "Idp-Account"?: components["parameters"]["IdpAccount"];
            };
            path: {
                /**
                 * @description A provider of the gateway's configuration
                 * @example github
                 */
                provider: components["parameters"]["Provider"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description What was done */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Disconnected"];
                };
            };
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            409: components["responses"]["Problem"];
            503: components["responses"]["Problem"];
        };
    };
    connect: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description The account, if the user has several: connection, or connection|user id at the provider
                 * @example github|583231
                 */
                "Idp-Account"?: components["parameters"]["IdpAccount"];
            };
            path: {
                /**
                 * @description A provider of the gateway's configuration
                 * @example github
                 */
                provider: components["parameters"]["Provider"];
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                /**
                 * @example {
                 *       "scopes": []
                 *     }
                 */
                "application/json": components["schemas"]["ConnectRequest"];
            };
        };
        responses: {
            /** @description The link. Nothing happens before the user opens it */
            201: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ConnectLink"];
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            409: components["responses"]["Problem"];
            429: components["responses"]["Problem"];
            503: components["responses"]["Problem"];
        };
    };
    getProfile: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description The account, if the user has several: connection, or connection|user id at the provider
                 * @example github|583231
                 */
                "Idp-Account"?: components["parameters"]["IdpAccount"];
            };
            path: {
                /**
                 * @description A provider of the gateway's configuration
                 * @example github
                 */
                provider: components["parameters"]["Provider"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The profile */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Profile"];
                };
            };
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            409: components["responses"]["Problem"];
            429: components["responses"]["Problem"];
            502: components["responses"]["Problem"];
            503: components["responses"]["Problem"];
            504: components["responses"]["Problem"];
        };
    };
}
