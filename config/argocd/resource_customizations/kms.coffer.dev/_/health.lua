-- kstatus-compatible: observedGeneration and the conditions Ready, Reconciling and Stalled.
-- For KeyAlias, KeyPolicy and Grant; a KmsKey has states of its own.
local function condition(kind)
  for _, found in ipairs(obj.status.conditions) do
    if found.type == kind then
      return found
    end
  end
  return {}
end

if obj.status == nil or obj.status.conditions == nil then
  return {status = "Progressing", message = "Waiting for Coffer"}
end
if obj.status.observedGeneration ~= nil and obj.status.observedGeneration ~= obj.metadata.generation then
  return {status = "Progressing", message = "Waiting for Coffer to observe the latest spec"}
end

local stalled, ready = condition("Stalled"), condition("Ready")
if stalled.status == "True" then
  return {status = "Degraded", message = stalled.message}
end
if ready.status ~= "True" then
  return {status = "Progressing", message = ready.message or "Waiting for Coffer"}
end
return {status = "Healthy", message = obj.kind .. " is in force"}
