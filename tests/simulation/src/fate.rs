//! What becomes of one call of a port.

/// What becomes of a call that does not simply succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// 500, or no connection: nothing happened.
    Unavailable,
    /// 429: come back after so many seconds.
    Throttled(u32),
    /// The write took place, its answer got lost.
    LostReply,
    /// 409, or 422 for a refused `test`: somebody else was faster.
    Conflict,
    /// 403.
    Forbidden,
    /// 422 with causes: validation, or a policy in front of it, says no. For a read: something unreadable came back.
    Refused,
    /// No answer for now, and nothing happened yet. The call goes on when the step does.
    HangsBefore,
    /// It took place. The answer comes when the step goes on.
    HangsAfter,
}

impl Fate {
    pub(crate) const ALL: [Self; 8] = [
        Self::Unavailable,
        Self::Throttled(30),
        Self::LostReply,
        Self::Conflict,
        Self::Forbidden,
        Self::Refused,
        Self::HangsBefore,
        Self::HangsAfter,
    ];

    /// For counting what happened.
    pub(crate) fn kind(self) -> &'static str {
        match self {
            Self::Unavailable => "calls answered 500, or not at all",
            Self::Throttled(_) => "calls answered 429",
            Self::LostReply => "calls whose answer got lost",
            Self::Conflict => "calls answered 409",
            Self::Forbidden => "calls answered 403",
            Self::Refused => "calls answered 422, or with something unreadable",
            Self::HangsBefore => "calls that hang before anything happened",
            Self::HangsAfter => "calls that hang after they took place",
        }
    }
}
