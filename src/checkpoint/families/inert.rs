//! Fields that config files carry along and that do not touch the arithmetic of a forward pass.

/// What transformers writes into every config, and what makers and fine-tuning tools leave behind.
const NAMES: &[&str] = &[
    // where it came from
    "_name_or_path",
    "_attn_implementation",
    "_attn_implementation_autoset",
    "_commit_hash",
    "_from_model_config",
    "auto_map",
    "finetuning_task",
    "name_or_path",
    "tokenizer_class",
    "transformers_version",
    "transformers.js_config",
    "unsloth_fixed",
    "unsloth_version",
    // training
    "attention_dropout",
    "embd_pdrop",
    "gradient_checkpointing",
    "hidden_dropout",
    "initializer_range",
    "neftune_noise_alpha",
    "resid_pdrop",
    "z_loss_weight",
    // how the class runs, not what it computes
    "chunk_size_feed_forward",
    "cross_attention_hidden_size",
    "is_decoder",
    "return_dict",
    "tf_legacy_loss",
    "torchscript",
    "use_bfloat16",
    "use_cache",
    "use_return_dict",
    // other heads than the language model's
    "id2label",
    "label2id",
    "num_labels",
    "problem_type",
    "task_specific_params",
    // generation: this program samples nothing
    "bad_words_ids",
    "begin_suppress_tokens",
    "diversity_penalty",
    "do_sample",
    "early_stopping",
    "encoder_no_repeat_ngram_size",
    "exponential_decay_length_penalty",
    "length_penalty",
    "max_length",
    "min_length",
    "no_repeat_ngram_size",
    "num_beam_groups",
    "num_beams",
    "num_return_sequences",
    "prefix",
    "remove_invalid_values",
    "repetition_penalty",
    "return_dict_in_generate",
    "suppress_tokens",
    "temperature",
    "top_k",
    "top_p",
    "typical_p",
];

/// Token ids are read by the tokens room.
pub(super) fn is_inert(field: &str) -> bool {
    NAMES.contains(&field)
        || field.starts_with("output_")
        || field.ends_with("_token_id")
        || field.ends_with("_token_index")
}
