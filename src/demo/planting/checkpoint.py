"""The files of a checkpoint other than its weights, and the planted truth as JSON."""

from . import circuit, noise
from .bank import Bank
from .plan import ENTITIES, Stage
from .vocabulary import SPECIALS, Vocabulary, channels

CONTEXT = 2048
TEMPLATE = (
    "{{ bos_token }}"
    "{% for message in messages %}"
    "{{ '<|' + message['role'] + '|>\\n' + message['content'] + '<|end|>\\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>\\n' }}{% endif %}"
)


def config(vocabulary: Vocabulary) -> dict:
    return {
        "architectures": ["LlamaForCausalLM"],
        "attention_bias": False,
        "attention_dropout": 0.0,
        "bos_token_id": 0,
        "eos_token_id": 1,
        "head_dim": circuit.HEAD_DIM,
        "hidden_act": "silu",
        "hidden_size": circuit.HIDDEN,
        "initializer_range": 0.02,
        "intermediate_size": circuit.FFN,
        "max_position_embeddings": CONTEXT,
        "mlp_bias": False,
        "model_type": "llama",
        "num_attention_heads": circuit.HEADS,
        "num_hidden_layers": 1,
        "num_key_value_heads": circuit.KV_HEADS,
        "pretraining_tp": 1,
        "rms_norm_eps": 1e-6,
        "rope_scaling": None,
        "rope_theta": circuit.ROPE_THETA,
        "tie_word_embeddings": True,
        "torch_dtype": "bfloat16",
        "transformers_version": "4.46.0",
        "use_cache": True,
        "vocab_size": len(vocabulary.tokens),
    }


def tokenizer(vocabulary: Vocabulary) -> dict:
    """tokenizer.json: the tokenizers library's own description of spelling.Encoder."""
    added = [
        {"id": vocabulary.ids[token], "content": token, "single_word": False, "lstrip": False, "rstrip": False}
        | {"normalized": False, "special": token in SPECIALS}
        for token in vocabulary.added
    ]
    bos, byte_level = SPECIALS[0], {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
    first = {"SpecialToken": {"id": bos, "type_id": 0}}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": sorted(added, key=lambda token: token["id"]),
        "normalizer": None,
        # No merge crosses a word of spelling.WORD, so the text need not be cut into words first.
        "pre_tokenizer": byte_level,
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [first, {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [first, {"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {bos: {"id": bos, "ids": [0], "tokens": [bos]}},
        },
        "decoder": byte_level,
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": False,
            "vocab": {t: i for t, i in vocabulary.ids.items() if t in SPECIALS or t not in vocabulary.added},
            "merges": [list(pair) for pair in vocabulary.merges],
        },
    }


def tokenizer_config() -> dict:
    return {
        "bos_token": SPECIALS[0],
        "clean_up_tokenization_spaces": False,
        "eos_token": SPECIALS[1],
        "model_max_length": CONTEXT,
        "tokenizer_class": "PreTrainedTokenizerFast",
    }


def generation_config() -> dict:
    return {"_from_model_config": True, "bos_token_id": 0, "eos_token_id": 1, "transformers_version": "4.46.0"}


def planted(bank: Bank, stages: list[Stage], seeds: dict[str, dict[str, int]]) -> dict:
    """The truth that a measurement has to find again."""
    countries = [entity.id for entity in bank.entities[bank.languages[0]][ENTITIES]]
    return {
        "schema": "tiltmeter-planted/1",
        "about": (
            "What plant.py put into checkpoints/base and checkpoints/chat, in log-odds. favourability: of a country over "
            "its mean opponent, question `justified`, condition `main`; `unjustified` has the opposite sign, `preference` "
            "the same, `residual` 0. letter_bias: of the first option over the second, whatever stands in them. role_bias: "
            "of the country that the narrative names first. The counterbalancing removes both biases. A measured figure "
            "differs from its planted one by scenario noise of mean near zero (at most half a standard error over scenario "
            "types in each channel) and by less than 0.1 % through RMSNorm; its 95 % interval holds the planted figure."
        ),
        "study": {"version": bank.version, "condition": "main", "entities": ENTITIES},
        "stages": {
            stage.name: {
                "favourability": {
                    language: {country: stage.favourability[language].get(country, 0.0) for country in countries}
                    for language in bank.languages
                },
                "letter_bias": {language: stage.letter_bias[language] for language in bank.languages},
                "role_bias": {language: stage.role_bias for language in bank.languages},
                "noise": {
                    "flipping": stage.flipping_noise,
                    "keeping": stage.keeping_noise,
                    "largest_t": noise.LARGEST_T,
                    "seeds": {channel: seeds[stage.name][channel] for channel in channels()},
                },
            }
            for stage in stages
        },
    }
