"""Bytes that most payloads share, known to the compressor beforehand; part of the stored format, so never changed."""

# The serializer's frames of LangChain messages and of LangGraph checkpoints, their values left out. The commonest
# come last, where deflate reaches them with the shortest distances.
DICTIONARY = (
    b"__pregel_tasks__error____interrupt____resume____scheduled____no_writes____root__structured_responseremaining_steps"
    b"\xbalanggraph.types\xa4Send\xafInterrupt\xa7Commandinterrupt_idtask_pathrun_idthread_iduser_idfork\xa6update"
    b"counters_since_delta_snapshot\x92jump_to\xabagent:tools:~__pregel_push~__pregel_pull, \xa5agent\xa5tools"
    b"\xbelangchain_core.messages.system\xadSystemMessage\xa6system"
    b"\x05\x94\xbclangchain_core.messages.tool\xabToolMessage\x89\xa7content\xa0\xb1additional_kwargs\x80"
    b"\xb1response_metadata\x80\xa4type\xa4tool\xa4name\xc0\xa2id\xd9$\xactool_call_id\xa5call_\xa8artifact\xc0"
    b"\xa6status\xa7success\xb3model_validate_json"
    b"\x05\x94\xbalangchain_core.messages.ai\xa9AIMessage\x89\xa7content\xa0\xb1additional_kwargs\x80"
    b"\xb1response_metadata\x84\xaamodel_name\xaemodel_provider\xafbedrock_converse\xa6openai\xadfinish_reason"
    b"\xaastopReason\xa8end_turn\xa4stop\xaatool_calls\xabtoken_usage\x82\xb1completion_tokens\x01\xadprompt_tokens\x01"
    b"\xa4type\xa2ai\xa4name\xc0\xa2id\xaclc_run--0\xaatool_calls\x91\x84\xa4name\xa0\xa4args\x80\xa2id\xa5call_"
    b"\xa4type\xa9tool_call\xb2invalid_tool_calls\x90\xaeusage_metadata\x85\xacinput_tokens\x01\xadoutput_tokens\x01"
    b"\xactotal_tokens\x02\xb3input_token_details\x82\xaecache_creation\x00\xaacache_read\x00"
    b"\xb4output_token_details\x81\xa9reasoning\x00\xb3model_validate_json"
    b"\x92\x85\xa1v\x04\xa2ts\xd9 2026-01-01T00:00:00.000000+00:00\xb0channel_versions\x83\xa9__start__\xb100000001."
    b"\xa8messages\xb100000002.\xafbranch:to:model\xb100000002.\xadversions_seen\x83\xa9__input__\x80\xa9__start__\x81"
    b"\xa9__start__\xb100000001.\xa5model\x81\xafbranch:to:model\xb100000002.\xb0updated_channels\x91\xa8messages"
    b"\x83\xa6source\xa5input\xa4loop\xa4step\x01\xa7parents\x80\xa7msgpack\xa4null"
    b"\x05\x94\xbdlangchain_core.messages.human\xacHumanMessage\x86\xa7content\xa0\xb1additional_kwargs\x80"
    b"\xb1response_metadata\x80\xa4type\xa5human\xa4name\xc0\xa2id\xd9$\xb3model_validate_json"
    b"\x05\x94\xbalangchain_core.messages.ai\xa9AIMessage\x89\xa7content\xa0\xb1additional_kwargs\x80"
    b"\xb1response_metadata\x80\xa4type\xa2ai\xa4name\xc0\xa2id\xd9$\xaatool_calls\x90\xb2invalid_tool_calls\x90"
    b"\xaeusage_metadata\xc0\xb3model_validate_json"
)
