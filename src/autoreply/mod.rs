//! Auto-replies: what they tell about their owner.
